#!/usr/bin/env bash
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Writes internal/probes/go/routers.txt from real routers, which come through the Go module proxy: all
# releases that it has, from the first that is understood.
set -euo pipefail
cd "$(dirname "$0")/.."
releases() { # MODULE FIRST
    (cd internal/probes/go/testdata/empty && GOFLAGS=-mod=mod go list -m -versions "$1") | tr ' ' '\n' | tail -n +2 |
        grep -E '^v[0-9]+\.[0-9]+\.[0-9]+$' | awk -v first="$2" '$0 == first { on = 1 } on' | sed "s|^|$1@|"
}
ROUTERS="${ROUTERS:-$(
    releases github.com/gin-gonic/gin v1.5.0
    releases github.com/go-chi/chi/v5 v5.0.0
    releases github.com/gorilla/mux v1.8.0
    releases github.com/labstack/echo/v4 v4.1.16
)}"
export ROUTERS
UPDATE_LAYOUTS=1 go test -count=1 -timeout 60m -run '^TestRouterLayouts$' ./internal/probes/go

#!/usr/bin/env bash
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Writes internal/probes/go/layouts.txt from real toolchains, which come through the Go
# module proxy: the newest of each minor version, in order, without the one that runs this.
set -euo pipefail
cd "$(dirname "$0")/.."
export GO_TOOLCHAINS="${GO_TOOLCHAINS:-1.17.13 1.18.10 1.19.13 1.20.14 1.21.13 1.22.12 1.23.12 1.24.9 1.25.5}"
UPDATE_LAYOUTS=1 go test -count=1 -run '^TestLayouts$' ./internal/probes/go

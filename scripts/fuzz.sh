#!/usr/bin/env bash
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs each fuzz test in turn.  Usage: fuzz.sh TIME, as in 60s
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:?usage: fuzz.sh TIME}
grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . >/dev/null || { echo "there are no fuzz tests" >&2; exit 1; }
while IFS=: read -r file match; do
	target=${match#func }
	echo "== $target in $(dirname "$file")"
	# Making an interesting input small takes a minute by default, in which nothing else is tried.
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "$(dirname "$file")"
done < <(grep -rHoE --include='*_test.go' --exclude-dir=_build --exclude-dir=.tools '^func Fuzz[A-Za-z0-9_]+' .)

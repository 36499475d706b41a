#!/usr/bin/env bash
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds a collector with the probe of another module (docs/own-probe.md), runs
# it, and looks for what that probe counts.  Needs root and .tools/bin/builder.
set -euo pipefail
cd "$(dirname "$0")/../testdata/ownprobe"

root=$PWD/../..
mkdir -p "$root/_build"
CGO_ENABLED=0 "$root/.tools/bin/builder" --config=builder-config.yaml --skip-strict-versioning=false

out=$(mktemp)
"$root/_build/ownprobe/otelcol-own" --config=file:config.yaml >"$out" 2>&1 &
collector=$!
trap 'kill "$collector" 2>/dev/null || true; wait "$collector" || true; rm -f "$out"' EXIT

for _ in {1..60}; do
	kill -0 "$collector" 2>/dev/null || break
	/bin/true # an exec to count
	if grep '^example\.execs{} [1-9]' "$out"; then
		echo "The collector with a probe of another module counts execs."
		exit 0
	fi
	sleep 0.5
done
echo "The collector with a probe of another module counted nothing. It said:" >&2
cat "$out" >&2
exit 1

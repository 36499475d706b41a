#!/usr/bin/env bash
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs "go test" on a package pattern, with the flags that follow. A few tests that failed
# are run once more: live tests share a machine with whatever else runs there. They are
# named at the end, since each is a fault to find, of the test or of the receiver.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=$1
shift
report=$(mktemp)
trap 'rm -f "$report"' EXIT
format=standard-quiet
[[ " $* " != *" -v "* ]] || format=standard-verbose
status=0
.tools/bin/gotestsum --format=$format --rerun-fails=1 --rerun-fails-max-failures=16 \
	--rerun-fails-report="$report" --packages="$packages" -- "$@" || status=$?
if [[ -s $report ]]; then
	echo "== Failed at first, and were run once more:"
	cat "$report"
fi
exit "$status"

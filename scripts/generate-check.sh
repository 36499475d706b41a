#!/usr/bin/env bash
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Generates everything and fails if the committed files are not what comes out.
# Other changes in the working tree do not matter.
set -euo pipefail
cd "$(dirname "$0")/.."

make --no-print-directory generate

generated=('*_bpfel.go' '*_bpfel.o' '*generated_*' documentation.md internal/metadata internal/metadatatest)
changed=$(git status --porcelain --untracked-files=all -- "${generated[@]}")
if [[ -n $changed ]]; then
	echo "Generated files differ from what is committed. Run \"make generate\" and commit:" >&2
	echo "$changed" >&2
	exit 1
fi

#!/bin/sh
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Compiles the test objects beside their sources.
set -eu
cd "$(dirname "$0")"
for c in *.bpf.c; do
	"${CLANG:-clang-19}" -target bpfel -mcpu=v3 -O2 -g -Wall -Wno-unused-function -Wno-unused-const-variable \
		-Wno-unused-variable -Wno-unknown-attributes -ffile-prefix-map="$PWD"=. -c "$c" -o "${c%.bpf.c}.bpf.elf"
	llvm-strip-19 -g "${c%.bpf.c}.bpf.elf" 2>/dev/null || llvm-strip -g "${c%.bpf.c}.bpf.elf"
done

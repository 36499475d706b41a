#!/bin/sh
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Compiles the objects of the tests. They are committed, so that tests need no compiler, and do
# not depend on where the checkout lies.
set -eu
cd "$(dirname "$0")"
for source in *.bpf.c; do
	object=${source%.bpf.c}_bpfel.o
	clang-19 -target bpfel -mcpu=v3 -O2 -g -Wall -Werror -Wno-unused-function -D__TARGET_ARCH_x86 -idirafter /usr/include/x86_64-linux-gnu \
		-fdebug-compilation-dir . -c "$source" -o "$object"
	llvm-strip-19 -g "$object"
done

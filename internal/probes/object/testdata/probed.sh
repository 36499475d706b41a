#!/bin/sh
# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
#
# Compiles the program that tests in guests observe. It is committed, for guests have no
# compiler, and apart from the objects, for it also depends on the linker.
set -eu
cd "$(dirname "$0")"
clang-19 --target=x86_64-linux-gnu -O1 -nostdlib -static -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fdebug-compilation-dir . -Wall -Werror -Wl,--build-id=none probed.c -o probed_amd64
llvm-strip-19 --strip-debug --remove-section=.comment probed_amd64

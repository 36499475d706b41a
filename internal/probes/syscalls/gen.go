// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package syscalls

//go:generate go tool bpf2go -cc clang-19 -target amd64,arm64 -type syscall_value -type syscall_errors object ../../../bpf/syscalls.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memory

//go:generate go tool bpf2go -cc clang-19 -target amd64,arm64 -type oom_event -type stall_value object ../../../bpf/memory.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3

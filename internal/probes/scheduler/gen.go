// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package scheduler

//go:generate go tool bpf2go -cc clang-19 -target amd64,arm64 -type sched_value object ../../../bpf/scheduler.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3

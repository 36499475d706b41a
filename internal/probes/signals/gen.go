// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package signals

//go:generate go tool bpf2go -cc clang-19 -target amd64,arm64 -type signal_event object ../../../bpf/signals.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

//go:generate go tool bpf2go -cc clang-19 -target amd64,arm64 -type rec -type seg -type summary -type tally_record -type go_told object ../../../bpf/socket.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

//go:generate go tool bpf2go -cc clang-19 -target amd64,arm64 -type tcp_value -type tcp_dims -type udp_value -type tcp_failure object ../../../bpf/tcp.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package discovery

//go:generate go tool bpf2go -cc clang-19 -target amd64,arm64 -cflags "-O2 -g -Wall -Werror -mcpu=v3" process ../../../bpf/process.bpf.c

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

//go:generate go tool bpf2go -cc clang-19 -target amd64,arm64 -type dns_event object ../../../bpf/dns.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3

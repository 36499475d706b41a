// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package filesystem

//go:generate go tool bpf2go -cc clang-19 -target amd64,arm64 -type file_value -type file_slow -type file_type object ../../../bpf/filesystem.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

// Package exphisttest lets tests run the program that finds the buckets of
// exponential histograms.
package exphisttest

import "github.com/cilium/ebpf"

//go:generate go tool bpf2go -cc clang-19 -target amd64,arm64 object ../../../../../bpf/exphist.bpf.c -- -O2 -g -Wall -Werror -mcpu=v3

// Values are those of one run, as in bpf/exphist.bpf.c.
type Values struct {
	In             [256]uint64
	Duration, Size [256]uint32
}

// Load parses the object: a program and a map, of which the only value is a [Values].
func Load() (*ebpf.CollectionSpec, error) { return loadObject() }

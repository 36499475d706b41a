// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package main

import (
	"runtime"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
)

// shipped prepares the probes that the receiver brings. Their objects are
// compiled for an architecture, since where registers are depends on it: those for
// this machine's are parsed at once, the others when there is a kernel for them.
func shipped() (*compat.Set, error) {
	own := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	set, err := compiled(own)
	if err != nil {
		return nil, err
	}
	for _, arch := range probes.Architectures() {
		if arch != own {
			set = set.Or(arch, func() (*compat.Set, error) { return compiled(arch) })
		}
	}
	return set, nil
}

func compiled(arch string) (*compat.Set, error) {
	manifests, err := probes.Manifests(arch)
	if err != nil {
		return nil, err
	}
	set, err := compat.Prepare(manifests...)
	if err != nil {
		return nil, err
	}
	return set.For(arch), nil
}

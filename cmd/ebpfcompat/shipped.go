// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package main

import (
	"runtime"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// shipped lists the probes that the receiver brings, and the architecture that
// their objects are compiled for: where registers are depends on it.
func shipped() (manifests []probe.Manifest, arch string) {
	for _, f := range probes.All() {
		manifests = append(manifests, f.Manifest)
	}
	if runtime.GOARCH == "arm64" {
		return manifests, "aarch64"
	}
	return manifests, "x86_64"
}

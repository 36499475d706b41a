// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !(amd64 || arm64)

package main

import "github.com/ebpfreceiver/ebpfreceiver/receiver/probe"

// shipped is empty: the receiver has no probes for this system.
func shipped() (manifests []probe.Manifest, arch string) { return nil, "" }

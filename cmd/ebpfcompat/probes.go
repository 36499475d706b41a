// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// prepare gives the probes to check: the programs of a user's object, or all
// that are shipped.
func prepare(object string) (*compat.Set, error) {
	if object == "" {
		manifests := shipped()
		if len(manifests) == 0 {
			return nil, errors.New("no probes are shipped: name an object with --object FILE")
		}
		return compat.Prepare(manifests...)
	}
	spec, err := ebpf.LoadCollectionSpec(object)
	if err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	if len(spec.Programs) == 0 {
		return nil, fmt.Errorf("%s has no BPF programs", object)
	}
	return compat.Prepare(compat.Manifests(spec)...)
}

// shipped lists the probes that the receiver brings.
func shipped() []probe.Manifest { return nil }

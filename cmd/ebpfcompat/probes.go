// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
)

// prepare gives the probes to check: the programs of a user's object, or all
// that are shipped.
func prepare(object string) (*compat.Set, error) {
	if object == "" {
		manifests, arch := shipped()
		if len(manifests) == 0 {
			return nil, errors.New("no probes are shipped for this system: name an object with --object FILE")
		}
		set, err := compat.Prepare(manifests...)
		if err != nil {
			return nil, err
		}
		return set.For(arch), nil
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

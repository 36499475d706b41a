// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"maps"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Manifests makes a probe of each program of an object that is none of ours, so
// that it can be checked as ours are. Its one variant is named by its hook.
func Manifests(spec *ebpf.CollectionSpec) []probe.Manifest {
	var manifests []probe.Manifest
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		manifests = append(manifests, probe.Manifest{
			Name: name,
			Variants: []probe.Variant{{
				Name:     hookOf(spec.Programs[name]).name(),
				Programs: []string{name},
				Spec:     func() (*ebpf.CollectionSpec, error) { return shallow(spec), nil },
			}},
		})
	}
	return manifests
}

// shallow lets a variant leave out programs and maps which others still need.
func shallow(spec *ebpf.CollectionSpec) *ebpf.CollectionSpec {
	own := *spec
	own.Programs, own.Maps = maps.Clone(spec.Programs), maps.Clone(spec.Maps)
	return &own
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package probes

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// objects are those of all probes and architectures. Only what asks about other
// machines refers to them: a collector has those of its own architecture alone.
//
//go:embed */*_bpfel.o
var objects embed.FS

// endings are those of bpf2go's objects by the kernel's word for the architecture.
var endings = map[string]string{"x86_64": "x86", "aarch64": "arm64"}

// Architectures lists what objects are shipped for, in the kernel's own words.
func Architectures() []string { return []string{"x86_64", "aarch64"} }

// Manifests lists the manifests of all probes with the objects for an architecture,
// which need not be that of this program. They serve to ask about its kernels.
//
// Returns an error if the objects are not shipped.
func Manifests(arch string) ([]probe.Manifest, error) {
	ending, ok := endings[arch]
	if !ok {
		return nil, fmt.Errorf("no objects are shipped for %s", arch)
	}
	var manifests []probe.Manifest
	for _, f := range All() {
		m := f.Manifest
		m.Variants = slices.Clone(m.Variants)
		for i := range m.Variants {
			v := &m.Variants[i]
			spec, err := objectOf(m.Name+"/*_"+ending+"_bpfel.o", v.Programs)
			if err != nil {
				return nil, fmt.Errorf("probe %s: variant %s: %w", m.Name, v.Name, err)
			}
			v.Spec = func() (*ebpf.CollectionSpec, error) { return spec.Copy(), nil }
		}
		manifests = append(manifests, m)
	}
	return manifests, nil
}

// objectOf parses the one of the objects of a pattern that has the programs.
func objectOf(pattern string, programs []string) (*ebpf.CollectionSpec, error) {
	paths, err := fs.Glob(objects, pattern)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		data, err := objects.ReadFile(path)
		if err != nil {
			return nil, err
		}
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if !slices.ContainsFunc(programs, func(name string) bool { return spec.Programs[name] == nil }) {
			return spec, nil
		}
	}
	return nil, fmt.Errorf("none of the objects %s has its programs", pattern)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compattest

import (
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// TestNeeds keeps the needs of the objects that are made for tests.
func TestNeeds(t *testing.T) {
	for _, name := range []string{"drift", "guards", "kfuncs", "kprobes", "maps"} {
		t.Run(name, func(t *testing.T) {
			Needs(t, probe.Manifest{Name: name, Variants: []probe.Variant{{
				Name: "all",
				Spec: func() (*ebpf.CollectionSpec, error) {
					return ebpf.LoadCollectionSpec("../testdata/" + name + ".bpf.elf")
				},
			}}}, "../testdata/"+name+".needs.golden")
		})
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package probes

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestManifests: each probe is shipped for each architecture, with the variants
// and programs that this machine's has.
func TestManifests(t *testing.T) {
	for _, arch := range Architectures() {
		manifests, err := Manifests(arch)
		require.NoError(t, err)
		require.Len(t, manifests, len(All()))
		for i, f := range All() {
			m := manifests[i]
			assert.Equal(t, f.Manifest.Name, m.Name)
			require.Len(t, m.Variants, len(f.Manifest.Variants))
			for j, own := range f.Manifest.Variants {
				want, err := own.Reduced()
				require.NoError(t, err)
				have, err := m.Variants[j].Reduced()
				require.NoError(t, err, "%s: %s: %s", arch, m.Name, own.Name)
				assert.NotEmpty(t, have.Programs)
				if len(own.Programs) == 0 {
					continue // it is the whole object, which may have others
				}
				assert.Len(t, have.Programs, len(want.Programs))
				for name := range want.Programs {
					assert.Contains(t, have.Programs, name, "%s: %s: %s", arch, m.Name, own.Name)
				}
			}
		}
	}
	_, err := Manifests("riscv64")
	assert.EqualError(t, err, "no objects are shipped for riscv64")
}

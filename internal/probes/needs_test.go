// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package probes

import (
	"path/filepath"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat/compattest"
)

// TestNeeds keeps what each probe needs of a kernel under review, in a file
// beside it. The objects for arm64 are compiled from the same sources.
func TestNeeds(t *testing.T) {
	for _, f := range All() {
		if len(f.Manifest.Variants) == 0 {
			continue
		}
		t.Run(f.Manifest.Name, func(t *testing.T) {
			compattest.Needs(t, f.Manifest, filepath.Join(f.Manifest.Name, "needs.golden"))
		})
	}
}

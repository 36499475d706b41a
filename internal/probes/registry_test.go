// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package probes

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The defaults of each probe are valid, its name is unique, and what it depends
// on comes before it.
func TestAll(t *testing.T) {
	names := map[string]bool{}
	for _, f := range All() {
		name := f.Manifest.Name
		assert.False(t, names[name], "two probes are called %s", name)
		for _, dependency := range f.Manifest.DependsOn {
			assert.True(t, names[dependency], "%s depends on %s", name, dependency)
		}
		names[name] = true
		assert.NotEmpty(t, f.Manifest.Summary, name)
		assert.NotNil(t, f.New, name)
		if f.DefaultConfig == nil {
			continue
		}
		if v, ok := f.DefaultConfig().(interface{ Validate() error }); ok {
			assert.NoError(t, v.Validate(), name)
		}
	}
}

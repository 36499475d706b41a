// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCaches: they are the same ones each time, and apart from each other where modules have types.
func TestCaches(t *testing.T) {
	k, err := Running(t.Context())
	require.NoError(t, err)
	modules, _ := k.Modules()
	caches := k.Caches(3)
	require.Len(t, caches, 3)
	assert.Same(t, k.Cache(), caches[0])
	assert.Equal(t, len(modules) > 0, caches[1] != caches[0])
	assert.Equal(t, len(modules) > 0, caches[2] != caches[1])
	again := k.Caches(2)
	require.Len(t, again, 2)
	assert.Same(t, caches[1], again[1])
	assert.Empty(t, New("6.1", "x86_64", nil, nil).Caches(2))
}

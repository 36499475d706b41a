// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package livetest

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLeakedSeesOwnMap(t *testing.T) {
	RequireRoot(t)
	CheckLeaks(t)
	before, err := objects()
	require.NoError(t, err)

	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "leak_test", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	require.NoError(t, err)
	defer m.Close()

	left, err := leaked(before)
	require.NoError(t, err)
	require.Len(t, left, 1)
	assert.Contains(t, left[0], "leak_test")
}

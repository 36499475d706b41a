// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

func TestMarks(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	spec, err := loadObject()
	require.NoError(t, err)
	require.EqualValues(t, len(marked{})+1, spec.Maps["go_marks"].MaxEntries)
	words, err := ebpf.NewMap(spec.Maps["go_marks"])
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, words.Close()) })
	word := func(i uint32) (bits uint64) {
		require.NoError(t, words.Lookup(i, &bits))
		return bits
	}
	m := marks{words: words}
	for _, pid := range []uint32{1, 63, 64, 65535, 65536 + 2, 4194303} {
		require.NoError(t, m.add(pid))
	}
	assert.Equal(t, []uint64{1<<1 | 1<<63 | 1<<2, 1, 1 << 63}, []uint64{word(0), word(1), word(1023)})

	var left marked
	left.add(65536 + 2)
	require.NoError(t, m.set(&left))
	assert.Equal(t, []uint64{1 << 2, 0, 0}, []uint64{word(0), word(1), word(1023)})
	require.NoError(t, words.Close())
	require.NoError(t, m.add(2), "known already")
	assert.ErrorContains(t, m.add(3), "mark a Go program")
}

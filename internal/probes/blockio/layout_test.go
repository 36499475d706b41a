// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package blockio

import (
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

func TestLayout(t *testing.T) {
	var v objectBlockValue
	durations, sizes := inkernel.Durations(), inkernel.Sizes()
	assert.EqualValues(t, 8*wordDevice, unsafe.Offsetof(v.Device))
	assert.EqualValues(t, 8*(wordDevice+durations.Words()), unsafe.Offsetof(v.Queue))
	assert.EqualValues(t, 8*(wordDevice+2*durations.Words()), unsafe.Offsetof(v.Size))
	assert.EqualValues(t, 8*sizes.Words(), unsafe.Sizeof(v.Size))
}

func TestDeviceNames(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink("../../devices/virtual/block/loop7", filepath.Join(dir, "7:7")))
	d := newDevices(dir)
	assert.Equal(t, "loop7", d.name(7<<20|7))
	assert.Equal(t, "8:17", d.name(8<<20|17), "it is gone")
	assert.Equal(t, []string{"read", "write", "flush", "discard", "other"}, []string{
		(&dims{Op: 0}).operation(), (&dims{Op: 1}).operation(), (&dims{Op: 2}).operation(), (&dims{Op: 3}).operation(), (&dims{Op: 9}).operation(),
	})
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package blockio

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"

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

func TestOperations(t *testing.T) {
	assert.Equal(t, []string{"read", "write", "flush", "discard", "other"}, []string{
		(&dims{Op: 0}).operation(), (&dims{Op: 1}).operation(), (&dims{Op: 2}).operation(), (&dims{Op: 3}).operation(), (&dims{Op: 9}).operation(),
	})
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package syscalls

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

func TestLayout(t *testing.T) {
	durations := inkernel.Durations()
	assert.EqualValues(t, 8*durations.Words(), unsafe.Sizeof(objectSyscallValue{}))
	assert.EqualValues(t, unsafe.Sizeof(failures{}), unsafe.Sizeof(objectSyscallErrors{}))
	assert.EqualValues(t, unsafe.Sizeof(dims{}), unsafe.Sizeof(objectSyscallKey{})-unsafe.Sizeof(inkernel.Owner{}))
}

func TestErrorNames(t *testing.T) {
	assert.Equal(t, "ENOENT", errorName(uint32(unix.ENOENT)))
	assert.Equal(t, "ERESTARTSYS", errorName(512))
	assert.Equal(t, "_OTHER", errorName(515))
	assert.Equal(t, "ERESTART_RESTARTBLOCK", errorName(516))
	assert.Equal(t, "_OTHER", errorName(4000))
}

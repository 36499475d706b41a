// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package blockio

import (
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
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

// What was issued long ago and is still there was not seen to complete.
func TestUnseen(t *testing.T) {
	livetest.RequireRoot(t)
	require.NoError(t, rlimit.RemoveMemlock())
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: uint32(unsafe.Sizeof(objectBlockRequest{})), MaxEntries: 8})
	require.NoError(t, err)
	defer m.Close()
	var now unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
	for i, r := range []objectBlockRequest{
		{Noted: 1}, // it waits in a queue
		{Issued: uint64(now.Nano()) - 2*uint64(time.Minute)},
		{Issued: uint64(now.Nano()) - uint64(time.Second)},
	} {
		r.Owner.Tgid = uint32(i)
		require.NoError(t, m.Put(uint64(i), &r))
	}
	assert.EqualValues(t, 1, unseen(m, patience, nil))
	assert.EqualValues(t, 2, unseen(m, 0, nil))
	assert.EqualValues(t, 1, unseen(m, 0, func(pid uint32) bool { return pid == 2 }))
}

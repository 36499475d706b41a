// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ring

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// producer is a program that puts one record of eight bytes into the ring each
// time it is run, with these flags.
func producer(t testing.TB, m *ebpf.Map, flags int32) func() {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:    ebpf.SocketFilter,
		License: "Dual BSD/GPL",
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R1, 42),
			asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord),
			asm.LoadMapPtr(asm.R1, m.FD()),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -8),
			asm.Mov.Imm(asm.R3, 8),
			asm.Mov.Imm(asm.R4, flags),
			asm.FnRingbufOutput.Call(),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return func() {
		_, err := p.Run(&ebpf.RunOptions{Data: make([]byte, 14)})
		require.NoError(t, err)
	}
}

// Flags of bpf_ringbuf_output.
const (
	noWakeup    = 1
	forceWakeup = 2
)

func open(t testing.TB, handle func([]byte)) (*Reader, func()) {
	return openWith(t, handle, noWakeup)
}

func openWith(t testing.TB, handle func([]byte), flags int32) (*Reader, func()) {
	livetest.RequireRoot(t)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 1 << 16})
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	r, err := New(m, handle)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r, producer(t, m, flags)
}

func TestDrainSeesRecordsThatDoNotWake(t *testing.T) {
	var got []uint64
	r, put := open(t, func(b []byte) { got = append(got, binary.NativeEndian.Uint64(b)) })
	for range 5 {
		put()
	}
	pending, size := r.Occupancy()
	require.Equal(t, 5*16, pending, "a header of eight bytes before each record")
	require.Equal(t, 1<<16, size)
	n, err := r.Drain(time.Now().Add(10*time.Millisecond), 100)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	require.Equal(t, []uint64{42, 42, 42, 42, 42}, got)
}

func TestDrainStopsAtMax(t *testing.T) {
	r, put := open(t, func([]byte) {})
	for range 5 {
		put()
	}
	for _, want := range []int{2, 2, 1, 0} {
		n, err := r.Drain(time.Now(), 2)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
}

// The kernel ends a wait, of which there may be many, and wakes nobody in between.
func TestKernelWakes(t *testing.T) {
	got := make(chan uint64)
	r, put := openWith(t, func(b []byte) { got <- binary.NativeEndian.Uint64(b) }, forceWakeup)
	go func() {
		defer close(got)
		for left := 200; left > 0; {
			n, err := r.Drain(time.Now().Add(time.Hour), 10)
			if err != nil || n == 0 {
				t.Errorf("%d records, %v", n, err)
				return
			}
			left -= n
		}
	}()
	for range 200 {
		put()
		require.EqualValues(t, 42, <-got)
	}
	_, more := <-got
	require.False(t, more)
}

func TestWakeAndClose(t *testing.T) {
	r, _ := open(t, func([]byte) {})
	done := make(chan error, 1)
	go func() {
		_, err := r.Drain(time.Now().Add(time.Hour), 1)
		done <- err
	}()
	require.NoError(t, r.Wake())
	require.NoError(t, <-done)
	require.NoError(t, r.Close())
	_, err := r.Drain(time.Now(), 1)
	require.True(t, errors.Is(err, os.ErrClosed), "%v", err)
}

func TestOtherMapsAreRefused(t *testing.T) {
	livetest.RequireRoot(t)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	require.NoError(t, err)
	defer m.Close()
	_, err = New(m, nil)
	require.ErrorContains(t, err, "cannot be read")
}

// One wait is for all rings of a goroutine.
func TestWaitForSeveral(t *testing.T) {
	var got int
	first, _ := open(t, func([]byte) { t.Error("nothing is in the first ring") })
	second, put := openWith(t, func([]byte) { got++ }, forceWakeup)
	first.Also(second)
	t.Cleanup(func() { _ = first.Close() })
	for range 3 {
		done := make(chan time.Duration)
		go func() {
			began := time.Now()
			n, err := first.Drain(began.Add(time.Minute), 100)
			assert.NoError(t, err)
			assert.Zero(t, n)
			done <- time.Since(began)
		}()
		time.Sleep(20 * time.Millisecond)
		put()
		require.Less(t, <-done, 30*time.Second)
		n, err := second.Drain(time.Now(), 100)
		require.NoError(t, err)
		require.Equal(t, 1, n)
	}
	assert.Equal(t, 3, got)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ring

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// What a perf buffer had no space for is told by the kernel: nothing is lost without a count.
func TestPerfBufferCountsWhatItLoses(t *testing.T) {
	livetest.RequireRoot(t)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.PerfEventArray})
	require.NoError(t, err)
	defer m.Close()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.RawTracepoint, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R2, 42),
			asm.StoreMem(asm.RFP, -8, asm.R2, asm.DWord),
			asm.LoadMapPtr(asm.R2, m.FD()),
			asm.LoadImm(asm.R3, 0xffffffff, asm.DWord), // BPF_F_CURRENT_CPU
			asm.Mov.Reg(asm.R4, asm.RFP),
			asm.Add.Imm(asm.R4, -8),
			asm.Mov.Imm(asm.R5, 8),
			asm.FnPerfEventOutput.Call(),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	})
	require.NoError(t, err)
	defer p.Close()
	var read, lost uint64
	r, err := Open(probe.Ring{
		Map: m, PerCPU: 4096,
		Handle: func(rec []byte) {
			read++
			assert.EqualValues(t, 42, binary.LittleEndian.Uint64(rec))
		},
		Lost: func(n uint64) { lost += n },
	})
	require.NoError(t, err)
	defer r.Close()
	drain := func() {
		_, err := r.Drain(time.Now().Add(10*time.Millisecond), 1<<20)
		require.NoError(t, err)
	}
	const records = 3000
	for range records {
		_, err := p.Run(&ebpf.RunOptions{})
		require.NoError(t, err)
	}
	drain()
	assert.Positive(t, read)
	// The kernel tells of a loss with the next record that fits.
	_, err = p.Run(&ebpf.RunOptions{})
	require.NoError(t, err)
	for range 50 {
		if drain(); read+lost >= records+1 {
			break
		}
		_, err = p.Run(&ebpf.RunOptions{CPU: 0})
		require.NoError(t, err)
	}
	assert.Positive(t, lost)
	pending, size := r.Occupancy()
	assert.Zero(t, pending)
	assert.Positive(t, size)
}

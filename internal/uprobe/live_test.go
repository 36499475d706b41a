// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package uprobe

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// target is probed in this very process. Its frame makes Go check the stack the long way, and
// a fresh goroutine's stack grow.
//
//go:noinline
func target(a, b, c uint64) uint64 {
	var frame [1024]uint64
	fill(&frame, a)
	return frame[b%1024] + c
}

//go:noinline
func fill(frame *[1024]uint64, a uint64) { frame[a%1024] = a }

const targetName = "github.com/ebpfreceiver/ebpfreceiver/internal/uprobe.target"

// argumentOffsets are where struct pt_regs has the first three arguments of a Go function.
func argumentOffsets() [3]int16 {
	if runtime.GOARCH == "arm64" {
		return [3]int16{0, 8, 16}
	}
	return [3]int16{80, 40, 88}
}

// stackGrows appends what leaves the program when the branch of Go's stack check is about
// to be taken: below or equal, by the flags.
func stackGrows(ins asm.Instructions) asm.Instructions {
	if runtime.GOARCH == "arm64" { // C is clear or Z is set
		return append(ins, asm.LoadMem(asm.R1, asm.R6, 264, asm.DWord), asm.RSh.Imm(asm.R1, 29),
			asm.And.Imm(asm.R1, 3), asm.JNE.Imm(asm.R1, 1, "exit"))
	}
	return append(ins, asm.LoadMem(asm.R1, asm.R6, 144, asm.DWord), asm.And.Imm(asm.R1, 0x41), asm.JNE.Imm(asm.R1, 0, "exit"))
}

// summing loads a program that counts hits and sums up the first three arguments, in the
// elements of an array.
func summing(t testing.TB, attach ebpf.AttachType, entry bool) (*ebpf.Program, *ebpf.Map) {
	t.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 32, MaxEntries: 1})
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	ins := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	if entry {
		ins = stackGrows(ins)
	}
	ins = append(ins,
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
	)
	for i, at := range argumentOffsets() {
		add := asm.StoreXAdd(asm.R0, asm.R1, asm.DWord)
		add.Offset = int16(8 * (i + 1))
		ins = append(ins, asm.LoadMem(asm.R1, asm.R6, at, asm.DWord), add)
	}
	ins = append(ins, asm.Mov.Imm(asm.R0, 0).WithSymbol("exit"), asm.Return())
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.Kprobe, AttachType: attach, License: "Dual BSD/GPL", Instructions: ins})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p, m
}

func sums(t testing.TB, m *ebpf.Map) (s [4]uint64) {
	t.Helper()
	require.NoError(t, m.Lookup(uint32(0), &s))
	return s
}

func self(t testing.TB) (*os.File, *File, Func, Kernel) {
	t.Helper()
	types, err := btf.LoadKernelSpec()
	require.NoError(t, err)
	r, err := os.Open("/proc/self/exe")
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	f, err := NewFile(r)
	require.NoError(t, err)
	fn, err := f.Func(targetName)
	require.NoError(t, err)
	return r, f, fn, KernelOf(types)
}

// ways are those in which this kernel attaches.
func ways(t testing.TB) map[string]ebpf.AttachType {
	w := map[string]ebpf.AttachType{"pmu": ebpf.AttachNone}
	if err := features.HaveBPFLinkUprobeMulti(); err == nil {
		w["multi"] = ebpf.AttachTraceUprobeMulti
	} else if !errors.Is(err, ebpf.ErrNotSupported) {
		t.Log(err)
	}
	return w
}

// Each call hits the place that was chosen once, with its arguments.
func TestLive(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	r, f, fn, k := self(t)
	p, err := f.Entry(fn, Want{Go, 3}, k)
	require.NoError(t, err)
	require.False(t, p.Slow)
	inner, err := f.Func(targetName[:len(targetName)-len("target")] + "fill")
	require.NoError(t, err)
	calls, err := f.Calls(fn, inner, k)
	require.NoError(t, err)
	require.Len(t, calls, 1)
	for way, attach := range ways(t) {
		t.Run(way, func(t *testing.T) {
			entry, at := summing(t, attach, true)
			site, there := summing(t, attach, false)
			links, err := Attach(r, []Hook{{Program: entry, Points: []Point{p}}, {Program: site, Points: calls}},
				Options{Multi: attach != ebpf.AttachNone, PID: os.Getpid()})
			require.NoError(t, err)
			const n = 1000
			for i := range uint64(n) {
				target(i, 2*i, 3*i)
			}
			sum := uint64(n * (n - 1) / 2)
			assert.Equal(t, [4]uint64{n, sum, 2 * sum, 3 * sum}, sums(t, at))
			assert.EqualValues(t, n, sums(t, there)[0])

			// On fresh stacks the check's branch is taken first, and the place hit twice.
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() { target(1, 1, 1) })
			}
			wg.Wait()
			assert.EqualValues(t, 2*n, sums(t, at)[0])
			assert.EqualValues(t, 2*n, sums(t, there)[0])

			require.NoError(t, links.Close())
			before := sums(t, at)
			target(1, 1, 1)
			assert.Equal(t, before, sums(t, at), "it is detached")
		})
	}
}

// All or none, and nothing that is slow unless it is wanted.
func TestLiveRefuses(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	r, f, fn, k := self(t)
	p, err := f.Entry(fn, Want{Go, 3}, k)
	require.NoError(t, err)
	slow := Point{Func: fn.Name, Addr: fn.Addr, Offset: fn.Offset, Inst: "the first", Slow: true}
	prog, m := summing(t, ebpf.AttachNone, false)

	_, err = Attach(r, []Hook{{Program: prog, Points: []Point{p, slow}}}, Options{PID: os.Getpid()})
	var refused *SlowError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, []Point{slow}, refused.Points)

	nowhere := Point{Func: "nowhere", Offset: 1 << 40}
	_, err = Attach(r, []Hook{{Program: prog, Points: []Point{p, nowhere}}}, Options{PID: os.Getpid()})
	require.ErrorContains(t, err, "a uprobe of")
	target(1, 1, 1)
	assert.Zero(t, sums(t, m)[0], "the first one was taken back")

	links, err := Attach(r, []Hook{{Program: prog, Points: []Point{slow}}}, Options{AllowSlow: true, PID: os.Getpid()})
	require.NoError(t, err)
	defer links.Close()
	target(1, 1, 1)
	// A function that grows its stack begins once more.
	assert.Contains(t, []uint64{1, 2}, sums(t, m)[0])
}

// BenchmarkHit is what one hit costs the program: at the place that was chosen, and at the
// function's first instruction.
func BenchmarkHit(b *testing.B) {
	livetest.RequireRoot(b)
	r, f, fn, k := self(b)
	chosen, err := f.Entry(fn, Want{Go, 3}, k)
	require.NoError(b, err)
	first := Point{Func: fn.Name, Addr: fn.Addr, Offset: fn.Offset}
	call := func(b *testing.B) {
		for b.Loop() {
			target(1, 2, 3)
		}
	}
	b.Run("none", call)
	for way, attach := range ways(b) {
		for name, p := range map[string]Point{"chosen": chosen, "first": first} {
			b.Run(way+"/"+name, func(b *testing.B) {
				prog, _ := summing(b, attach, false)
				links, err := Attach(r, []Hook{{Program: prog, Points: []Point{p}}}, Options{Multi: attach != ebpf.AttachNone, PID: os.Getpid()})
				require.NoError(b, err)
				defer links.Close()
				call(b)
			})
		}
	}
}

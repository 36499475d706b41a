// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package object

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"os"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

// resize applies the sizes of maps and bounds their memory.
func resize(cfg *Config, spec *ebpf.CollectionSpec) error {
	for _, name := range slices.Sorted(maps.Keys(cfg.Maps)) {
		m, c := spec.Maps[name], cfg.Maps[name]
		if m == nil {
			return fmt.Errorf("maps::%s: the object has no such map; it has %s", name, names(maps.Keys(spec.Maps), isSection))
		}
		if err := c.apply(m); err != nil {
			return fmt.Errorf("maps::%s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Maps)) {
		m := spec.Maps[name]
		m.Pinning = ebpf.PinNone // nothing is left behind, and nothing is shared
		if m.MaxEntries == 0 && needsSize(m.Type) {
			return fmt.Errorf("maps::%s: max_entries: the object leaves the size of the map %s open", name, name)
		}
		if m.ValueSize == 0 && needsValue(m.Type) {
			return fmt.Errorf("maps::%s: value_size: the object leaves the size of the values of the map %s open", name, name)
		}
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("the number of processors: %w", err)
	}
	total := uint64(0)
	largest, most := "", uint64(0)
	for _, name := range slices.Sorted(maps.Keys(spec.Maps)) {
		m := spec.Maps[name]
		n := memory(m, uint64(cpus))
		if m.Type == ebpf.PerfEventArray {
			n = plus(n, times(uint64(perCPUBuffer(cfg.Maps[name].PerCPU)), uint64(cpus)))
		}
		if total = plus(total, n); n > most {
			largest, most = name, n
		}
	}
	if total > cfg.Limits.MapMemory {
		return fmt.Errorf("limits::map_memory: the object's maps take about %d bytes, of which %s takes %d, and the limit is %d", total, largest, most, cfg.Limits.MapMemory)
	}
	return nil
}

// apply changes a map as the configuration says.
func (c *MapConfig) apply(m *ebpf.MapSpec) error {
	if c.PerCPU != 0 && m.Type != ebpf.PerfEventArray {
		return errors.New("per_cpu_buffer: only a perf buffer has buffers of each CPU")
	}
	if size := c.MaxEntries; size != 0 {
		if m.Type == ebpf.RingBuf && (size&(size-1) != 0 || size < 4096) {
			return errors.New("max_entries: the size of a ring buffer is a power of two of at least 4096 bytes")
		}
		m.MaxEntries = size
	}
	size := c.ValueSize
	switch {
	case size == 0 || size == m.ValueSize:
		return nil
	case m.Type == ebpf.RingBuf:
		return errors.New("value_size: a ring buffer has records of any size")
	case m.Value != nil:
		return fmt.Errorf("value_size: the object's types say that a value is %s of %d bytes", record.Describe(m.Value), m.ValueSize)
	case m.ValueSize != 0 && m.Type != ebpf.StackTrace:
		// Its programs were compiled for that size.
		return fmt.Errorf("value_size: the object says that a value has %d bytes", m.ValueSize)
	case m.Type == ebpf.StackTrace && (size%8 != 0 || size > 8*maxStack):
		return fmt.Errorf("value_size: a stack has up to %d addresses of 8 bytes", maxStack)
	}
	m.ValueSize = size
	return nil
}

// maxStack is the default of the kernel's setting perf_event_max_stack.
const maxStack = 127

// defaultPerfBuffer is the size of the perf buffer of each CPU in bytes.
const defaultPerfBuffer = 64 << 10

func perCPUBuffer(size int) int {
	if size <= 0 {
		return defaultPerfBuffer
	}
	return size
}

func needsSize(t ebpf.MapType) bool {
	switch t {
	case ebpf.PerfEventArray, ebpf.SkStorage, ebpf.TaskStorage, ebpf.InodeStorage, ebpf.CgroupStorage, ebpf.CGroupArray, ebpf.StructOpsMap, ebpf.ProgramArray:
		return false
	}
	return true
}

func needsValue(t ebpf.MapType) bool {
	switch t {
	case ebpf.Hash, ebpf.Array, ebpf.LRUHash, ebpf.PerCPUHash, ebpf.PerCPUArray, ebpf.LRUCPUHash, ebpf.LPMTrie, ebpf.StackTrace, ebpf.Queue, ebpf.Stack, ebpf.BloomFilter:
		return true
	}
	return false
}

// memory is about what a map takes when it is full, in bytes: what the kernel's own functions
// *_map_mem_usage count, kernel/bpf/hashtab.c and others. Storages of tasks and the like, which
// grow with what they are of, count as nothing.
func memory(m *ebpf.MapSpec, cpus uint64) uint64 {
	key, value, n := up8(m.KeySize), up8(m.ValueSize), uint64(m.MaxEntries)
	page := uint64(os.Getpagesize())
	const (
		element = 48 // struct htab_elem
		bucket  = 16 // struct bucket
		pointer = 8
	)
	switch m.Type {
	case ebpf.RingBuf, ebpf.UserRingbuf:
		return plus(n, 3*page)
	case ebpf.Arena:
		return times(n, page)
	case ebpf.Array:
		return times(n, value)
	case ebpf.PerCPUArray:
		return times(n, plus(times(value, cpus), pointer))
	case ebpf.Hash, ebpf.LRUHash:
		return plus(times(n, element+key+value), times(roundUp(n), bucket))
	case ebpf.PerCPUHash, ebpf.LRUCPUHash:
		return plus(times(n, plus(element+key+pointer, times(value, cpus))), times(roundUp(n), bucket))
	case ebpf.StackTrace:
		return plus(times(n, 16+value), times(roundUp(n), pointer))
	case ebpf.PerfEventArray, ebpf.ProgramArray, ebpf.CGroupArray, ebpf.SkStorage, ebpf.TaskStorage, ebpf.InodeStorage, ebpf.CgroupStorage:
		return times(n, pointer)
	default:
		return times(n, element+2*bucket+key+value)
	}
}

func up8(n uint32) uint64 { return (uint64(n) + 7) &^ 7 }

// roundUp gives the least power of two that is not below n.
func roundUp(n uint64) uint64 {
	if n < 2 {
		return n
	}
	return 1 << bits.Len64(n-1)
}

// plus and times stay at the most that there is: sizes come out of files.
func plus(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}

func times(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	if high != 0 {
		return math.MaxUint64
	}
	return low
}

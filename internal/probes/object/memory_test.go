// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"math"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

func TestMapMemory(t *testing.T) {
	const page = 4096
	for _, tt := range []struct {
		spec ebpf.MapSpec
		want uint64
	}{
		{ebpf.MapSpec{Type: ebpf.Array, ValueSize: 12, MaxEntries: 10}, 160},
		{ebpf.MapSpec{Type: ebpf.PerCPUArray, ValueSize: 12, MaxEntries: 10}, 10 * (4*16 + 8)},
		{ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 100, MaxEntries: 1000}, 1000*(48+8+104) + 1024*16},
		{ebpf.MapSpec{Type: ebpf.LRUCPUHash, KeySize: 4, ValueSize: 100, MaxEntries: 1000}, 1000*(48+8+8+4*104) + 1024*16},
		{ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: page}, 4 * page},
		{ebpf.MapSpec{Type: ebpf.StackTrace, KeySize: 4, ValueSize: 1016, MaxEntries: 1000}, 1000*(16+1016) + 1024*8},
		{ebpf.MapSpec{Type: ebpf.TaskStorage, KeySize: 4, ValueSize: 1016}, 0},
		// Nothing that a file says makes it small again.
		{ebpf.MapSpec{Type: ebpf.PerCPUHash, KeySize: math.MaxUint32, ValueSize: math.MaxUint32, MaxEntries: math.MaxUint32}, math.MaxUint64},
		{ebpf.MapSpec{Type: ebpf.Array, ValueSize: 1 << 31, MaxEntries: 1 << 31}, 1 << 62},
	} {
		assert.Equal(t, tt.want, memory(&tt.spec, 4), "%v", tt.spec.Type)
	}
}

// The kernel says the same of its maps, but for some fixed bytes.
func TestLiveMapMemory(t *testing.T) {
	livetest.RequireRoot(t)
	cpus, err := ebpf.PossibleCPU()
	require.NoError(t, err)
	for _, spec := range []ebpf.MapSpec{
		{Type: ebpf.Array, KeySize: 4, ValueSize: 20, MaxEntries: 10_000},
		{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 20, MaxEntries: 10_000},
		{Type: ebpf.Hash, KeySize: 20, ValueSize: 100, MaxEntries: 10_000},
		{Type: ebpf.LRUHash, KeySize: 4, ValueSize: 100, MaxEntries: 10_000},
		{Type: ebpf.PerCPUHash, KeySize: 4, ValueSize: 100, MaxEntries: 10_000},
		{Type: ebpf.LRUCPUHash, KeySize: 4, ValueSize: 100, MaxEntries: 10_000},
		{Type: ebpf.StackTrace, KeySize: 4, ValueSize: 8 * maxStack, MaxEntries: 10_000},
		{Type: ebpf.RingBuf, MaxEntries: 1 << 20},
	} {
		t.Run(spec.Type.String(), func(t *testing.T) {
			m, err := ebpf.NewMap(&spec)
			require.NoError(t, err)
			defer m.Close()
			info, err := m.Info()
			require.NoError(t, err)
			kernel, ok := info.Memlock()
			if !ok {
				t.Skip("the kernel does not tell")
			}
			t.Logf("%d, the kernel says %d", memory(&spec, uint64(cpus)), kernel)
			assert.InEpsilon(t, kernel, memory(&spec, uint64(cpus)), 0.05)
		})
	}
}

// Sizes that the configuration sets count, and what the programs rely on cannot be set.
func TestSizesOfMaps(t *testing.T) {
	sized := func(m ebpf.MapSpec, c MapConfig, limit uint64) (*ebpf.MapSpec, error) {
		m.Name = "m"
		spec := &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"m": &m}}
		cfg := defaultConfig().(*Config)
		cfg.Limits.MapMemory = limit
		if c != (MapConfig{}) {
			cfg.Maps = map[string]MapConfig{"m": c}
		}
		return &m, resize(cfg, spec)
	}
	stacks := ebpf.MapSpec{Type: ebpf.StackTrace, KeySize: 4}
	_, err := sized(stacks, MapConfig{}, 1<<30)
	assert.EqualError(t, err, "maps::m: max_entries: the object leaves the size of the map m open")
	_, err = sized(stacks, MapConfig{MaxEntries: 1024}, 1<<30)
	assert.EqualError(t, err, "maps::m: value_size: the object leaves the size of the values of the map m open")
	m, err := sized(stacks, MapConfig{MaxEntries: 1024, ValueSize: 1016}, 1024*1040)
	require.NoError(t, err)
	assert.EqualValues(t, 1016, m.ValueSize)
	_, err = sized(stacks, MapConfig{MaxEntries: 1024, ValueSize: 1016}, 1024*1040-1)
	assert.EqualError(t, err, "limits::map_memory: the object's maps take about 1064960 bytes, of which m takes 1064960, and the limit is 1064959")
	for _, size := range []uint32{1017, 1024} {
		_, err = sized(stacks, MapConfig{MaxEntries: 1024, ValueSize: size}, 1<<30)
		assert.EqualError(t, err, "maps::m: value_size: a stack has up to 127 addresses of 8 bytes")
	}
	_, err = sized(ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1}, MapConfig{ValueSize: 8}, 1<<30)
	assert.EqualError(t, err, "maps::m: value_size: the object says that a value has 4 bytes")
	_, err = sized(ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1, Value: &btf.Int{Name: "int", Size: 4}}, MapConfig{ValueSize: 8}, 1<<30)
	assert.EqualError(t, err, "maps::m: value_size: the object's types say that a value is int of 4 bytes")
	_, err = sized(ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1}, MapConfig{MaxEntries: 1 << 30}, 256<<20)
	assert.ErrorContains(t, err, "limits::map_memory: the object's maps take about 85899345920 bytes")
	_, err = sized(ebpf.MapSpec{Type: ebpf.PerfEventArray, KeySize: 4, ValueSize: 4}, MapConfig{PerCPU: 1 << 40}, 256<<20)
	assert.ErrorContains(t, err, "limits::map_memory:")
}

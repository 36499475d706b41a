// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package probe_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const programs = 8

// adders is an object of programs that add what a frozen map holds, 7, to a place of their own in
// another map, and give it back.
func adders() *ebpf.CollectionSpec {
	spec := &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"sums": {Name: "sums", Type: ebpf.Array, KeySize: 4, ValueSize: 8 * programs, MaxEntries: 1},
			".rodata.step": {
				Name: ".rodata.step", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: unix.BPF_F_RDONLY_PROG,
				Contents: []ebpf.MapKV{{Key: uint32(0), Value: uint64(7)}},
			},
		},
		Programs: map[string]*ebpf.ProgramSpec{},
	}
	for i := range programs {
		name := fmt.Sprintf("add_%d", i)
		spec.Programs[name] = &ebpf.ProgramSpec{
			Name: name, Type: ebpf.SocketFilter, License: "Dual BSD/GPL",
			Instructions: asm.Instructions{
				asm.LoadMapValue(asm.R1, 0, 0).WithReference(".rodata.step"),
				asm.LoadMem(asm.R0, asm.R1, 0, asm.DWord),
				asm.LoadMapValue(asm.R1, 0, uint32(8*i)).WithReference("sums"),
				asm.StoreXAdd(asm.R1, asm.R0, asm.DWord),
				asm.Return(),
			},
		}
	}
	return spec
}

// refuse makes a program one that no kernel takes: it gives back what it never wrote.
func refuse(spec *ebpf.CollectionSpec, name string) {
	spec.Programs[name].Instructions = asm.Instructions{asm.Mov.Reg(asm.R0, asm.R5), asm.Return()}
}

func loading(t *testing.T, spec *ebpf.CollectionSpec, at int) *probe.Loading {
	t.Helper()
	if testing.Short() || os.Geteuid() != 0 {
		t.Skip("loading programs needs root")
	}
	require.NoError(t, rlimit.RemoveMemlock())
	l := &probe.Loading{Spec: spec}
	cache := btf.NewCache()
	for range at {
		l.Caches = append(l.Caches, cache)
	}
	return l
}

// TestLiveCollection: programs that are loaded at the same time share the object's maps, and
// what the maps hold is there.
func TestLiveCollection(t *testing.T) {
	for _, at := range []int{0, 1, 3} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			livetest.CheckLeaks(t)
			l := loading(t, adders(), at)
			var told map[string]*ebpf.Program
			l.Loaded = func(p map[string]*ebpf.Program) { told = p }
			c, err := l.Collection()
			require.NoError(t, err)
			defer c.Close()
			require.Len(t, c.Programs, programs)
			require.Len(t, c.Maps, 2)
			assert.Equal(t, c.Programs, told)
			for i := range programs {
				for range i + 1 {
					got, err := c.Programs[fmt.Sprintf("add_%d", i)].Run(&ebpf.RunOptions{Data: make([]byte, 64)})
					require.NoError(t, err)
					assert.EqualValues(t, 7, got)
				}
			}
			var sums [programs]uint64
			require.NoError(t, c.Maps["sums"].Lookup(uint32(0), &sums))
			assert.Equal(t, [programs]uint64{7, 14, 21, 28, 35, 42, 49, 56}, sums)
			assert.Error(t, c.Maps[".rodata.step"].Put(uint32(0), uint64(8)), "it is frozen")
		})
	}
}

// TestLiveCollectionReplaced: maps of others take the place of the object's, and stay theirs.
func TestLiveCollectionReplaced(t *testing.T) {
	livetest.CheckLeaks(t)
	l := loading(t, adders(), 3)
	own, err := ebpf.NewMap(l.Spec.Maps["sums"])
	require.NoError(t, err)
	defer own.Close()
	l.Options.MapReplacements = map[string]*ebpf.Map{"sums": own}
	c, err := l.Collection()
	require.NoError(t, err)
	_, err = c.Programs["add_3"].Run(&ebpf.RunOptions{Data: make([]byte, 64)})
	require.NoError(t, err)
	c.Close()
	var sums [programs]uint64
	require.NoError(t, own.Lookup(uint32(0), &sums))
	assert.Equal(t, [programs]uint64{3: 7}, sums)
}

// TestLiveCollectionRefused: of several programs that are refused the first is named, and nothing is left.
func TestLiveCollectionRefused(t *testing.T) {
	livetest.CheckLeaks(t)
	for _, at := range []int{0, 1, 3} {
		spec := adders()
		for _, name := range []string{"add_6", "add_2", "add_5"} {
			refuse(spec, name)
		}
		l := loading(t, spec, at)
		l.Loaded = func(map[string]*ebpf.Program) { t.Error("it is told of nothing") }
		c, err := l.Collection()
		require.Error(t, err)
		assert.Nil(t, c)
		assert.ErrorContains(t, err, "program add_2: load program: ")
		var verifier *ebpf.VerifierError
		assert.ErrorAs(t, err, &verifier)
	}
}

// TestLiveCollectionOfMaps: what maps hold of maps is there, too.
func TestLiveCollectionOfMaps(t *testing.T) {
	livetest.CheckLeaks(t)
	spec := adders()
	spec.Maps["outer"] = &ebpf.MapSpec{
		Name: "outer", Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1,
		InnerMap: spec.Maps["sums"], Contents: []ebpf.MapKV{{Key: uint32(0), Value: "sums"}},
	}
	c, err := loading(t, spec, 3).Collection()
	require.NoError(t, err)
	defer c.Close()
	require.Len(t, c.Programs, programs)
	var inner *ebpf.Map
	require.NoError(t, c.Maps["outer"].Lookup(uint32(0), &inner))
	defer inner.Close()
	_, err = c.Programs["add_4"].Run(&ebpf.RunOptions{Data: make([]byte, 64)})
	require.NoError(t, err)
	var sums [programs]uint64
	require.NoError(t, inner.Lookup(uint32(0), &sums))
	assert.Equal(t, [programs]uint64{4: 7}, sums)
}

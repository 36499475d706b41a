// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// newCollection does what [ebpf.NewCollectionWithOptions] does, and loads the programs at the same time, on one
// goroutine for each cache: nearly all that loading takes is the kernel's verifier, which looks at
// one program on one processor. Without caches it uses that of the options.
//
// Of programs that are refused the error is that of the first by name, and nothing is left.
func newCollection(spec *ebpf.CollectionSpec, opts ebpf.CollectionOptions, caches []*btf.Cache) (*ebpf.Collection, error) {
	if refersToPrograms(spec) {
		return ebpf.NewCollectionWithOptions(spec, opts)
	}
	if len(caches) == 0 {
		if opts.Cache == nil {
			opts.Cache = btf.NewCache()
		}
		caches = []*btf.Cache{opts.Cache}
	}
	// Maps and variables come first. Frozen ones are final by then: the verifier reads them.
	c, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{
		Maps: spec.Maps, Variables: spec.Variables, Types: spec.Types, ByteOrder: spec.ByteOrder,
	}, opts)
	if err != nil {
		return nil, err
	}
	l := &loader{spec: spec, opts: opts, maps: c.Maps, programs: map[string]*ebpf.Program{}, todo: bySize(spec.Programs)}
	var wg sync.WaitGroup
	for _, cache := range caches[:min(len(caches), len(l.todo))] {
		wg.Go(func() { l.work(cache) })
	}
	wg.Wait()
	c.Programs = l.programs
	if l.err != nil {
		c.Close()
		return nil, l.err
	}
	return c, nil
}

// refersToPrograms tells whether maps of the object are filled with its programs or maps, which
// is for the library to do.
func refersToPrograms(spec *ebpf.CollectionSpec) bool {
	for _, m := range spec.Maps {
		switch m.Type {
		case ebpf.ProgramArray, ebpf.ArrayOfMaps, ebpf.HashOfMaps, ebpf.StructOpsMap:
			return true
		}
	}
	return false
}

// bySize gives the names of programs, the longest first: the last one to begin should not be the
// one that takes longest.
func bySize(programs map[string]*ebpf.ProgramSpec) []string {
	return slices.SortedFunc(maps.Keys(programs), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(programs[b].Instructions), len(programs[a].Instructions)), cmp.Compare(a, b))
	})
}

// loader loads the programs of one object on several goroutines.
type loader struct {
	spec *ebpf.CollectionSpec
	opts ebpf.CollectionOptions
	maps map[string]*ebpf.Map

	mu       sync.Mutex
	todo     []string
	programs map[string]*ebpf.Program
	failed   string // the first program by name that was refused
	err      error  // why
}

// work loads programs until all are loaded, or none is left that could come before one that failed.
func (l *loader) work(cache *btf.Cache) {
	for {
		name, ok := l.next()
		if !ok {
			return
		}
		p, err := l.load(name, cache)
		l.mu.Lock()
		if err == nil {
			l.programs[name] = p
		} else if l.err == nil || name < l.failed {
			l.failed, l.err = name, err
		}
		l.mu.Unlock()
	}
}

func (l *loader) next() (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.todo) > 0 {
		name := l.todo[0]
		l.todo = l.todo[1:]
		// Functions that programs share have no type: they are part of each already.
		if l.spec.Programs[name].Type != ebpf.UnspecifiedProgram && (l.err == nil || name < l.failed) {
			return name, true
		}
	}
	return "", false
}

// load loads one program with the maps that are there.
func (l *loader) load(name string, cache *btf.Cache) (*ebpf.Program, error) {
	p := l.spec.Programs[name]
	one := &ebpf.CollectionSpec{
		Maps:      map[string]*ebpf.MapSpec{},
		Programs:  map[string]*ebpf.ProgramSpec{name: p},
		ByteOrder: l.spec.ByteOrder,
	}
	opts := l.opts
	opts.Cache = cache
	opts.MapReplacements = map[string]*ebpf.Map{}
	for i := range p.Instructions {
		ref := p.Instructions[i].Reference()
		if m := l.maps[ref]; m != nil && p.Instructions[i].IsLoadFromMap() {
			one.Maps[ref] = l.spec.Maps[ref]
			opts.MapReplacements[ref] = m
		}
	}
	c, err := ebpf.NewCollectionWithOptions(one, opts)
	if err != nil {
		return nil, err
	}
	for _, m := range c.Maps { // duplicates
		_ = m.Close()
	}
	return c.Programs[name], nil
}

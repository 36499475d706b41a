// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// program is one program of an object with what is found in it once and does
// not depend on a kernel.
type program struct {
	name      string
	spec      *ebpf.ProgramSpec
	hook      hook
	relos     map[int]*relocation // by instruction
	raw       []*btf.CORERelocation
	at        []int // instruction of each of raw
	externals map[int]external
	frozen    map[int]value // loads from read-only sections
}

// object is a set of programs of one BPF object.
type object struct {
	spec     *ebpf.CollectionSpec
	programs []*program
	maps     map[string]bool // of the spec; true for those that the programs use
}

// newObject takes the named programs of an object apart; no names mean all.
//
// Returns an error if the object has no such program or is broken.
func newObject(spec *ebpf.CollectionSpec, names []string) (*object, error) {
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(spec.Programs))
	}
	o := &object{spec: spec, maps: make(map[string]bool, len(spec.Maps))}
	for name := range spec.Maps {
		o.maps[name] = false
	}
	kfuncs := prototypes(spec)
	options := kconfigNames(spec)
	sections := frozenSections(spec)
	for _, name := range names {
		ps := spec.Programs[name]
		if ps == nil {
			return nil, fmt.Errorf("the object has no program %q", name)
		}
		p := &program{
			name: name, spec: ps, hook: hookOf(ps),
			relos:     make(map[int]*relocation),
			externals: externals(ps.Instructions, kfuncs, options),
			frozen:    make(map[int]value),
		}
		for i := range ps.Instructions {
			ins := &ps.Instructions[i]
			if _, ok := o.maps[ins.Reference()]; ok {
				o.maps[ins.Reference()] = true
			}
			if mem := sections[ins.Reference()]; mem != nil && ins.IsLoadFromMap() && ins.Src == asm.PseudoMapValue {
				p.frozen[i] = value{kind: memory, n: ins.Constant >> 32, mem: mem}
			}
			relo := btf.CORERelocationMetadata(ins)
			if relo == nil {
				continue
			}
			r, err := relocationOf(relo, spec.Types)
			if err != nil {
				return nil, fmt.Errorf("program %s: %w", name, err)
			}
			p.relos[i] = r
			p.raw = append(p.raw, relo)
			p.at = append(p.at, i)
		}
		o.programs = append(o.programs, p)
	}
	return o, nil
}

// firstOf gives the first of some maps that the programs use; nothing if they use none.
func (o *object) firstOf(some map[string]bool) string {
	for _, name := range slices.Sorted(maps.Keys(some)) {
		if o.maps[name] && !strings.HasPrefix(name, ".") {
			return name
		}
	}
	return ""
}

// frozenSections finds the sections that the loader freezes, so that the
// verifier takes their contents for constants.
func frozenSections(spec *ebpf.CollectionSpec) map[string]*frozen {
	const readOnlyProg = 1 << 7 // BPF_F_RDONLY_PROG
	sections := make(map[string]*frozen)
	for name, m := range spec.Maps {
		if !strings.HasPrefix(name, ".rodata") || m.Flags&readOnlyProg == 0 || len(m.Contents) != 1 {
			continue
		}
		data, ok := m.Contents[0].Value.([]byte)
		if !ok {
			continue
		}
		sections[name] = &frozen{func(offset int64, size int) (uint64, bool) { return readBytes(data, offset, size) }}
	}
	return sections
}

// readBytes reads a little-endian number of 1, 2, 4 or 8 bytes.
func readBytes(data []byte, offset int64, size int) (uint64, bool) {
	if offset < 0 || size <= 0 || size > 8 || offset > math.MaxInt32 || offset+int64(size) > int64(len(data)) {
		return 0, false
	}
	var buf [8]byte
	copy(buf[:], data[offset:offset+int64(size)])
	return binary.LittleEndian.Uint64(buf[:]), true
}

// walk finds what is reached in the program. insns are its instructions as
// they are for a kernel, preset what loads yield there.
func (p *program) walk(insns asm.Instructions, preset map[int]value) (*reach, error) {
	insns = p.registers(insns)
	maps.Copy(preset, p.frozen)
	structs := make(map[int]string)
	for i, r := range p.relos {
		if r.kind == "byte_off" {
			if name := r.structName(); name != "" {
				structs[i] = name
			}
		}
	}
	r, err := walk(insns, preset, structs, packetPointers(p.spec.Type))
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", p.name, err)
	}
	return r, nil
}

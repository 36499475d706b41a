// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

// sourceKind says how data comes out of an object.
type sourceKind uint8

const (
	fromBuffer sourceKind = iota // records of a ring or perf buffer
	fromMap                      // entries of a map
	fromGlobal                   // elements of a global variable
	fromIter                     // records of an iterator
)

// source is where an output's data comes from, with its type.
type source struct {
	kind sourceKind
	name string
	// root is the type of a record. Of an entry it is a struct of "key" and "value", which
	// begin at 0 and at value; of joined records, one of "begin" and "end".
	root  btf.Type
	value int
	// parts are the members of root whose members are found without naming them.
	parts []string
	// keySize, valueSize are those of an entry, size that of a record.
	keySize, valueSize int
	perCPU             bool
	// entries is the most that there can be. Those of a global array have valueSize bytes each.
	entries int
}

// find finds a field. Of an entry, members of the value, and then of the key, are found
// without saying so, of a joined record those of the end, and then of the beginning.
func (s *source) find(path string) (record.Place, error) {
	p, err := record.Find(s.root, path)
	if err == nil {
		return p, nil
	}
	for _, part := range s.parts {
		if p, err := record.Find(s.root, part+"."+path); err == nil {
			p.Path = path
			return p, nil
		}
	}
	return p, err
}

func (s *source) compile(path string, o record.Options) (*record.Field, error) {
	p, err := s.find(path)
	if err != nil {
		return nil, err
	}
	return record.CompileAt(p, o)
}

// newSource finds the source of an output in an object.
//
// Returns an error that names what there is if the object has no such thing, or if its type
// is not known.
func newSource(spec *ebpf.CollectionSpec, o *Output) (*source, error) {
	switch {
	case o.Map != "":
		m := spec.Maps[o.Map]
		if m == nil {
			return nil, fmt.Errorf("the object has no map %q; it has %s", o.Map, names(maps.Keys(spec.Maps), isSection))
		}
		return mapSource(spec, o, m)
	case o.Global != "":
		v := spec.Variables[o.Global]
		if v == nil {
			return nil, fmt.Errorf("the object has no global variable %q; it has %s", o.Global, names(maps.Keys(spec.Variables), nil))
		}
		return globalSource(spec, o, v)
	default:
		p := spec.Programs[o.Iter]
		if p == nil {
			return nil, fmt.Errorf("the object has no program %q; it has %s", o.Iter, names(maps.Keys(spec.Programs), nil))
		}
		if p.Type != ebpf.Tracing || p.AttachType != ebpf.AttachTraceIter {
			return nil, fmt.Errorf("program %s is no iterator, but of the section %q", o.Iter, p.SectionName)
		}
		t, err := declared(spec, o)
		if err == nil && t == nil {
			err = &untypedError{"iterator " + o.Iter, structs(spec)}
		}
		return recordSource(fromIter, o.Iter, t, err)
	}
}

// untypedError is a source whose records are of no known type.
type untypedError struct{ what, structs string }

func (e *untypedError) Error() string {
	return e.what + " does not tell the type of its records: name a struct with type, or declare it with layout; " + e.structs
}

func recordSource(kind sourceKind, name string, t btf.Type, err error) (*source, error) {
	if err != nil {
		return nil, err
	}
	size, err := record.Sizeof(t)
	if err != nil {
		return nil, err
	}
	return &source{kind: kind, name: name, root: t, valueSize: size}, nil
}

// declared is the type that the output names or declares, nil if it does neither.
func declared(spec *ebpf.CollectionSpec, o *Output) (btf.Type, error) {
	switch {
	case o.Layout != "":
		s, err := record.ParseLayout(o.Layout, func(name string) btf.Type {
			t, _ := typeOf(spec, name)
			return t
		})
		if err != nil {
			return nil, fmt.Errorf("layout: %w", err)
		}
		return s, nil
	case o.Type != "":
		t, err := typeOf(spec, strings.TrimPrefix(o.Type, "struct "))
		if err != nil {
			return nil, fmt.Errorf("type: %w; %s", err, structs(spec))
		}
		return t, nil
	}
	return nil, nil
}

// typeOf finds a type of the object.
func typeOf(spec *ebpf.CollectionSpec, name string) (btf.Type, error) {
	if spec.Types == nil {
		return nil, errors.New("the object has no types (compile it with -g)")
	}
	found, err := spec.Types.AnyTypesByName(name)
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("the object has no type %q", name)
	}
	for _, t := range found {
		if _, ok := t.(*btf.Func); !ok {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%q is a function", name)
}

// structs lists the structs of the object.
func structs(spec *ebpf.CollectionSpec) string {
	if spec.Types == nil {
		return "the object has no types (compile it with -g)"
	}
	found := map[string]bool{}
	for t, err := range spec.Types.All() {
		if err != nil {
			break
		}
		if s, ok := t.(*btf.Struct); ok && s.Name != "" {
			found[s.Name] = true
		}
	}
	return "it has the structs " + names(maps.Keys(found), nil)
}

func isSection(name string) bool { return strings.HasPrefix(name, ".") }

// names lists some names for a message.
func names(all func(func(string) bool), without func(string) bool) string {
	sorted := slices.Sorted(all)
	if without != nil {
		sorted = slices.DeleteFunc(sorted, without)
	}
	const most = 30
	if n := len(sorted) - most; n > 0 {
		return strings.Join(sorted[:most], ", ") + fmt.Sprintf(" and %d more", n)
	}
	if len(sorted) == 0 {
		return "none"
	}
	return strings.Join(sorted, ", ")
}

func mapSource(spec *ebpf.CollectionSpec, o *Output, m *ebpf.MapSpec) (*source, error) {
	t, err := declared(spec, o)
	if err != nil {
		return nil, err
	}
	switch m.Type {
	case ebpf.RingBuf, ebpf.PerfEventArray:
		if t == nil {
			t = m.Value
		}
		if t == nil || membersOf(t) == nil && o.Layout == "" && o.Type == "" {
			return nil, &untypedError{"map " + o.Map, structs(spec)}
		}
		return recordSource(fromBuffer, o.Map, t, nil)
	case ebpf.Hash, ebpf.Array, ebpf.LRUHash, ebpf.PerCPUHash, ebpf.PerCPUArray, ebpf.LRUCPUHash:
	default:
		return nil, fmt.Errorf("map %s is of the type %s, of which no telemetry can be made", o.Map, m.Type)
	}
	if t == nil {
		t = m.Value
	}
	s := &source{kind: fromMap, name: o.Map, keySize: int(m.KeySize), valueSize: int(m.ValueSize), entries: int(m.MaxEntries)}
	switch m.Type {
	case ebpf.PerCPUHash, ebpf.PerCPUArray, ebpf.LRUCPUHash:
		s.perCPU = true
	}
	return s, s.entry(m.Key, t)
}

func membersOf(t btf.Type) []btf.Member {
	if s, ok := btf.UnderlyingType(t).(*btf.Struct); ok {
		return s.Members
	}
	return nil
}

// entry sets the type of a map's entries.
func (s *source) entry(key, value btf.Type) error {
	if key == nil {
		key = plain(s.keySize)
	}
	if value == nil {
		value = plain(s.valueSize)
	}
	for _, part := range []struct {
		what string
		typ  btf.Type
		size int
	}{{"key", key, s.keySize}, {"value", value, s.valueSize}} {
		n, err := record.Sizeof(part.typ)
		if err != nil {
			return fmt.Errorf("%s of map %s: %w", part.what, s.name, err)
		}
		if n != part.size {
			return fmt.Errorf("%s of map %s: %s has %d bytes, and the map's have %d", part.what, s.name, record.Describe(part.typ), n, part.size)
		}
	}
	s.value, s.parts = (s.keySize+7)/8*8, []string{"value", "key"}
	s.root = &btf.Struct{Name: s.name, Size: uint32(s.value + s.valueSize), Members: []btf.Member{
		{Name: "key", Type: key},
		{Name: "value", Type: value, Offset: btf.Bits(s.value * 8)},
	}}
	return nil
}

// plain is the type of what has none.
func plain(size int) btf.Type {
	switch size {
	case 1, 2, 4, 8:
		return &btf.Int{Name: fmt.Sprintf("__u%d", size*8), Size: uint32(size)}
	}
	return &btf.Array{Index: &btf.Int{Name: "__u32", Size: 4}, Type: &btf.Int{Name: "__u8", Size: 1}, Nelems: uint32(size)}
}

func globalSource(spec *ebpf.CollectionSpec, o *Output, v *ebpf.VariableSpec) (*source, error) {
	t, err := declared(spec, o)
	if err != nil {
		return nil, err
	}
	if v.Constant() {
		return nil, fmt.Errorf("global variable %s is constant: no telemetry comes out of it", o.Global)
	}
	s := &source{kind: fromGlobal, name: o.Global, keySize: 4, valueSize: int(v.Size()), entries: 1}
	if t == nil && v.Type != nil {
		t = v.Type.Type
	}
	if t != nil {
		if a, ok := btf.UnderlyingType(t).(*btf.Array); ok && a.Nelems > 0 {
			size, err := record.Sizeof(a.Type)
			if err != nil {
				return nil, fmt.Errorf("global variable %s: %w", o.Global, err)
			}
			t, s.valueSize, s.entries = a.Type, size, int(a.Nelems)
			if total := s.valueSize * s.entries; total != int(v.Size()) {
				return nil, fmt.Errorf("global variable %s: its type has %d bytes, and it has %d", o.Global, total, v.Size())
			}
		}
	}
	return s, s.entry(&btf.Int{Name: "__u32", Size: 4}, t)
}

// keyNames lists the keys of a set for a message.
func keyNames(set map[string]bool) string { return names(maps.Keys(set), nil) }

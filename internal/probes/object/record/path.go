// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Place is where a path leads to.
type Place struct {
	// Path is the whole path, as in "by.uid" or "args[2]".
	Path string
	// Type is what is there, with its typedefs.
	Type btf.Type
	// Bit is its offset in the record, in bits.
	Bit uint32
	// Bits is the size of a bit field, else 0.
	Bits uint32
	// Tags are the btf_decl_tag strings of the member, if it is one.
	Tags []string
}

// maxOffset bounds the size of a record in bytes, so that offsets in bits fit.
const maxOffset = 1 << 26

// Find follows a dotted path from a type: through members of structs and unions, also of
// anonymous ones, and elements of arrays, as in "by.uid" or "args[2]". The empty path
// leads to the type itself.
//
// Returns an error that names what exists if the path leads nowhere.
func Find(root btf.Type, path string) (Place, error) {
	at := Place{Path: path, Type: root}
	rest := path
	for rest != "" {
		name := rest
		if i := strings.IndexAny(rest, ".["); i >= 0 {
			name = rest[:i]
		}
		if name != "" {
			if err := at.member(name, path); err != nil {
				return at, err
			}
			rest = rest[len(name):]
		}
		switch {
		case strings.HasPrefix(rest, "["):
			index, after, ok := strings.Cut(rest[1:], "]")
			n, err := strconv.ParseUint(index, 10, 31)
			if !ok || err != nil {
				return at, fmt.Errorf("field %q: %q is no index of an array", path, rest)
			}
			if err := at.element(uint32(n), path); err != nil {
				return at, err
			}
			rest = after
			if rest != "" && rest[0] != '.' && rest[0] != '[' {
				return at, fmt.Errorf("field %q: a dot is missing before %q", path, rest)
			}
		case name == "" && rest != path && rest == "":
			return at, fmt.Errorf("field %q: it ends with a dot", path)
		case name == "":
			return at, fmt.Errorf("field %q: a name is missing", path)
		}
		if after, ok := strings.CutPrefix(rest, "."); ok {
			if after == "" {
				return at, fmt.Errorf("field %q: it ends with a dot", path)
			}
			rest = after
		}
	}
	return at, nil
}

func (p *Place) member(name, path string) error {
	var members []btf.Member
	switch t := btf.UnderlyingType(p.Type).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	case *btf.Pointer:
		return fmt.Errorf("field %q: %q is in other memory, which the pointer before it leads to; a record has only what was copied into it", path, name)
	default:
		return fmt.Errorf("field %q: %s has no members, so no %q", path, Describe(p.Type), name)
	}
	m, bit, ok := lookup(members, name, 0)
	if !ok {
		return fmt.Errorf("field %q: %s has no member %q; it has %s", path, Describe(p.Type), name, enumerate(memberNames(members)))
	}
	return p.to(m.Type, uint64(bit), uint32(m.BitfieldSize), m.Tags, path)
}

func (p *Place) element(n uint32, path string) error {
	a, ok := btf.UnderlyingType(p.Type).(*btf.Array)
	if !ok {
		return fmt.Errorf("field %q: %s is no array", path, Describe(p.Type))
	}
	if n >= a.Nelems {
		return fmt.Errorf("field %q: the array has %d elements, from 0 on", path, a.Nelems)
	}
	size, err := sizeof(a.Type)
	if err != nil {
		return fmt.Errorf("field %q: %w", path, err)
	}
	return p.to(a.Type, uint64(n)*uint64(size)*8, 0, nil, path)
}

func (p *Place) to(t btf.Type, bits uint64, width uint32, tags []string, path string) error {
	at := uint64(p.Bit) + bits
	if at >= maxOffset*8 {
		return fmt.Errorf("field %q: it is %d bytes from the record's beginning, and records have less than %d", path, at/8, maxOffset)
	}
	p.Type, p.Bit, p.Bits, p.Tags = t, uint32(at), width, tags
	return nil
}

// maxDepth bounds types within types. C compilers nest less.
const maxDepth = 32

// lookup finds a member by name, also in anonymous members.
func lookup(members []btf.Member, name string, depth int) (m btf.Member, bit uint32, ok bool) {
	for _, m := range members {
		if m.Name == name {
			return m, uint32(m.Offset), true
		}
	}
	if depth >= maxDepth {
		return m, 0, false
	}
	for _, outer := range members {
		if outer.Name != "" {
			continue
		}
		if m, bit, ok := lookup(membersOf(outer.Type), name, depth+1); ok {
			return m, uint32(outer.Offset) + bit, true
		}
	}
	return m, 0, false
}

func membersOf(t btf.Type) []btf.Member {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		return t.Members
	case *btf.Union:
		return t.Members
	}
	return nil
}

func memberNames(members []btf.Member) []string { return namesAt(members, 0) }

func namesAt(members []btf.Member, depth int) []string {
	var names []string
	for _, m := range members {
		switch {
		case m.Name != "":
			names = append(names, m.Name)
		case depth < maxDepth:
			names = append(names, namesAt(membersOf(m.Type), depth+1)...)
		}
	}
	return names
}

// maxNamed bounds what one message lists.
const maxNamed = 40

func enumerate(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if len(names) > maxNamed {
		return strings.Join(names[:maxNamed], ", ") + fmt.Sprintf(" and %d more", len(names)-maxNamed)
	}
	return strings.Join(names, ", ")
}

// sizeof is [btf.Sizeof] for types that may be broken: a type that refers to itself ends
// in an error there, too, but a size beyond maxOffset is one here.
func sizeof(t btf.Type) (int, error) {
	n, err := btf.Sizeof(t)
	if err != nil {
		return 0, fmt.Errorf("%s has no size: %w", Describe(t), err)
	}
	if n < 0 || n >= maxOffset {
		return 0, fmt.Errorf("%s has %d bytes, and records have less than %d", Describe(t), n, maxOffset)
	}
	return n, nil
}

// Sizeof is the size of a type in bytes.
//
// Returns an error if it has none or is as large as no record can be.
func Sizeof(t btf.Type) (int, error) { return sizeof(t) }

// Describe names a type as C does, as in "struct event" or "__u64".
func Describe(t btf.Type) string { return describe(t, 0) }

func describe(t btf.Type, depth int) string {
	if depth > maxDepth {
		return "…"
	}
	named := func(word, name string) string {
		if name == "" {
			return "an anonymous " + word
		}
		return word + " " + name
	}
	switch t := t.(type) {
	case nil:
		return "a value of unknown type"
	case *btf.Void:
		return "void"
	case *btf.Struct:
		return named("struct", t.Name)
	case *btf.Union:
		return named("union", t.Name)
	case *btf.Enum:
		return named("enum", t.Name)
	case *btf.Array:
		return fmt.Sprintf("%s[%d]", describe(t.Type, depth+1), t.Nelems)
	case *btf.Pointer:
		return describe(t.Target, depth+1) + " *"
	case *btf.Const:
		return describe(t.Type, depth+1)
	case *btf.Volatile:
		return describe(t.Type, depth+1)
	}
	if name := t.TypeName(); name != "" {
		return name
	}
	return fmt.Sprintf("a %T", t)
}

// Leaves lists the paths of all fields of a type that have a form of their own, in their
// order. Of a union it takes none: somebody has to choose.
func Leaves(root btf.Type) []Place {
	var found []Place
	leaves(Place{Type: root}, 0, &found)
	return found
}

// maxLeaves bounds what Leaves finds.
const maxLeaves = 256

func leaves(p Place, depth int, found *[]Place) {
	s, ok := btf.UnderlyingType(p.Type).(*btf.Struct)
	if ok && !slices.Contains([]string{"in_addr", "in6_addr"}, s.Name) {
		if depth > maxDepth {
			return
		}
		for _, m := range s.Members {
			inner := p
			if m.Name != "" {
				if inner.Path != "" {
					inner.Path += "."
				}
				inner.Path += m.Name
			}
			if inner.to(m.Type, uint64(m.Offset), uint32(m.BitfieldSize), m.Tags, inner.Path) == nil {
				leaves(inner, depth+1, found)
			}
		}
		return
	}
	if len(*found) >= maxLeaves || p.Path == "" {
		return
	}
	if _, err := compile(p, Options{}); err == nil {
		*found = append(*found, p)
	}
}

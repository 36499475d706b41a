// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// ParseLayout reads the members of a struct as C declares them, for records whose type an
// object does not carry: compilers leave out types that only local variables have. It
// knows the integers of C, of the kernel (__u32, s64, pid_t …) and of stdint.h, char,
// bool, float and double, pointers, arrays, bit fields, nested structs and unions, and the
// types of the object, each laid out as the compiler for BPF does.
//
//	char task[16]; __u64 delta_us; pid_t pid; struct { __u32 uid, gid; } by;
//
// types looks up a named type of the object and may be nil.
//
// Returns an error that quotes what it does not understand.
func ParseLayout(text string, types func(name string) btf.Type) (*btf.Struct, error) {
	l := &layout{types: types}
	if err := l.scan(text); err != nil {
		return nil, err
	}
	// A whole declaration may be given, as it stands in a header: struct event { … };
	if l.peek() == "struct" {
		name, body := l.at(1), 2
		if name == "{" {
			name, body = "", 1
		}
		if l.at(body) == "{" && l.closes(body) {
			l.next = body + 1
			s := &btf.Struct{Name: name}
			if err := l.members(&s.Members, &s.Size, false, "}", 0); err != nil {
				return nil, err
			}
			return s, nil
		}
	}
	s := &btf.Struct{}
	if err := l.members(&s.Members, &s.Size, false, "", 0); err != nil {
		return nil, err
	}
	if len(s.Members) == 0 {
		return nil, errors.New("it has no members")
	}
	return s, nil
}

type layout struct {
	words []string
	next  int
	types func(string) btf.Type
}

// maxWords bounds a layout. A struct has a few dozen members.
const maxWords = 4096

func (l *layout) scan(text string) error {
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case strings.HasPrefix(text[i:], "//"):
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case strings.HasPrefix(text[i:], "/*"):
			n := strings.Index(text[i:], "*/")
			if n < 0 {
				return errors.New("a comment has no end")
			}
			i += n + 2
		case strings.IndexByte("{}[];:,*", c) >= 0:
			l.words = append(l.words, text[i:i+1])
			i++
		case isWord(c):
			from := i
			for i < len(text) && isWord(text[i]) {
				i++
			}
			l.words = append(l.words, text[from:i])
		default:
			return fmt.Errorf("%q is nothing that a struct has", text[i:min(i+10, len(text))])
		}
		if len(l.words) > maxWords {
			return fmt.Errorf("it is longer than %d words", maxWords)
		}
	}
	return nil
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (l *layout) at(ahead int) string {
	if l.next+ahead < len(l.words) {
		return l.words[l.next+ahead]
	}
	return ""
}

func (l *layout) peek() string { return l.at(0) }

func (l *layout) take() string {
	w := l.peek()
	if l.next < len(l.words) {
		l.next++
	}
	return w
}

func (l *layout) want(word string) error {
	if got := l.take(); got != word {
		return fmt.Errorf("%q stands where %q is expected", got, word)
	}
	return nil
}

// closes tells whether the brace that opens there ends the text, but for a semicolon.
func (l *layout) closes(open int) bool {
	depth := 0
	for i := open; i < len(l.words); i++ {
		switch l.words[i] {
		case "{":
			depth++
		case "}":
			if depth--; depth == 0 {
				return i+1 == len(l.words) || i+2 == len(l.words) && l.words[i+1] == ";"
			}
		}
	}
	return false
}

// placing follows where the next member goes.
type placing struct {
	union bool
	bit   uint64 // behind the last member
	size  uint64 // of the largest member of a union, bits
	align uint64 // bytes
}

// members reads members up to the word end, or up to the end of the text.
func (l *layout) members(into *[]btf.Member, size *uint32, union bool, end string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("structs are nested more than %d deep", maxDepth)
	}
	p := placing{union: union, align: 1}
	for l.peek() != end {
		if l.peek() == "" {
			return errors.New("a brace is open at the end")
		}
		base, align, err := l.base(depth)
		if err != nil {
			return err
		}
		if l.peek() == ";" { // an anonymous struct or union
			if membersOf(base) == nil {
				return fmt.Errorf("%s has no name", Describe(base))
			}
			if err := p.put(into, "", base, align, 0); err != nil {
				return err
			}
		}
		for l.peek() != ";" {
			if err := l.declarator(into, &p, base, align); err != nil {
				return err
			}
			if l.peek() == "," {
				l.take()
			} else if l.peek() != ";" {
				return fmt.Errorf("%q stands where a semicolon is expected", l.peek())
			}
		}
		l.take()
	}
	l.take()
	total := (max(p.bit, p.size) + 7) / 8
	total = (total + p.align - 1) / p.align * p.align
	if total >= maxOffset {
		return fmt.Errorf("a record has less than %d bytes", maxOffset)
	}
	*size = uint32(total)
	return nil
}

func (l *layout) declarator(into *[]btf.Member, p *placing, base btf.Type, align uint64) error {
	typ := base
	for l.peek() == "*" {
		l.take()
		typ, align = &btf.Pointer{Target: typ}, 8
	}
	name := l.take()
	if name == "" || !isWord(name[0]) || name[0] >= '0' && name[0] <= '9' {
		return fmt.Errorf("%q stands where the name of a member is expected", name)
	}
	var dims []uint32
	for l.peek() == "[" {
		l.take()
		n, err := strconv.ParseUint(l.take(), 0, 32)
		if err != nil {
			return fmt.Errorf("member %s: the length of an array must be a number", name)
		}
		dims = append(dims, uint32(n))
		if err := l.want("]"); err != nil {
			return err
		}
	}
	for _, n := range slices.Backward(dims) {
		typ = &btf.Array{Index: &btf.Int{Name: "__u32", Size: 4}, Type: typ, Nelems: n}
	}
	bits := uint64(0)
	if l.peek() == ":" {
		l.take()
		n, err := strconv.ParseUint(l.take(), 0, 8)
		if err != nil || n == 0 || n > 64 {
			return fmt.Errorf("member %s: a bit field has 1 to 64 bits", name)
		}
		bits = n
	}
	for _, m := range *into {
		if m.Name == name {
			return fmt.Errorf("two members are called %s", name)
		}
	}
	return p.put(into, name, typ, align, bits)
}

func (p *placing) put(into *[]btf.Member, name string, typ btf.Type, align, bits uint64) error {
	size, err := sizeof(typ)
	if err != nil {
		return fmt.Errorf("member %s: %w", name, err)
	}
	width := uint64(size) * 8
	at := p.bit
	if p.union {
		at = 0
	}
	if bits > 0 {
		if bits > width {
			return fmt.Errorf("member %s: %d bits do not fit %s", name, bits, Describe(typ))
		}
		// A bit field does not cross the bounds of a unit of its type.
		if at/width != (at+bits-1)/width {
			at = (at + width - 1) / width * width
		}
		width = bits
	} else {
		at = (at + align*8 - 1) / (align * 8) * (align * 8)
	}
	if at+width >= maxOffset*8 {
		return fmt.Errorf("a record has less than %d bytes", maxOffset)
	}
	*into = append(*into, btf.Member{Name: name, Type: typ, Offset: btf.Bits(at), BitfieldSize: btf.Bits(bits)})
	p.align = max(p.align, align)
	p.bit = at + width
	p.size = max(p.size, p.bit)
	return nil
}

// base reads a type up to the first declarator and tells its alignment.
func (l *layout) base(depth int) (btf.Type, uint64, error) {
	for l.peek() == "const" || l.peek() == "volatile" {
		l.take()
	}
	word := l.take()
	if word == "struct" || word == "union" || word == "enum" {
		return l.compound(word, depth)
	}
	if word == "void" && l.peek() == "*" {
		return &btf.Void{}, 1, nil
	}
	name := word
	for isModifier(name, l.peek()) {
		name += " " + l.take()
	}
	if t := primitive(name); t != nil {
		size, err := sizeof(t)
		return t, uint64(size), err
	}
	if l.types != nil {
		if t := l.types(word); t != nil {
			return t, alignof(t, 0), nil
		}
	}
	return nil, 0, fmt.Errorf("the type %q is not known", name)
}

// isModifier tells whether a word continues the name of an integer, as in "unsigned long".
func isModifier(name, next string) bool {
	first, _, _ := strings.Cut(name, " ")
	switch first {
	case "unsigned", "signed", "long", "short":
		return next == "int" || next == "long" || next == "char" || next == "short" || next == "unsigned"
	}
	return false
}

func (l *layout) compound(word string, depth int) (btf.Type, uint64, error) {
	name := ""
	if l.peek() != "{" {
		name = l.take()
	}
	if l.peek() != "{" {
		if l.types != nil {
			if t := l.types(name); t != nil {
				return t, alignof(t, 0), nil
			}
		}
		return nil, 0, fmt.Errorf("the object has no %s %s", word, name)
	}
	if word == "enum" {
		return nil, 0, errors.New("an enum cannot be declared here: name one of the object's, or use int")
	}
	l.take()
	if word == "union" {
		u := &btf.Union{Name: name}
		err := l.members(&u.Members, &u.Size, true, "}", depth+1)
		return u, alignof(u, 0), err
	}
	s := &btf.Struct{Name: name}
	err := l.members(&s.Members, &s.Size, false, "}", depth+1)
	return s, alignof(s, 0), err
}

// alignof is how a type is aligned where it is not packed.
func alignof(t btf.Type, depth int) uint64 {
	if depth > maxDepth {
		return 1
	}
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Array:
		return alignof(t.Type, depth+1)
	case *btf.Struct, *btf.Union:
		align := uint64(1)
		for _, m := range membersOf(t) {
			align = max(align, alignof(m.Type, depth+1))
		}
		return align
	default:
		size, err := sizeof(t)
		if err != nil || size == 0 {
			return 1
		}
		return uint64(min(size, 8))
	}
}

func primitive(name string) btf.Type {
	integer := func(size uint32, e btf.IntEncoding) btf.Type { return &btf.Int{Name: name, Size: size, Encoding: e} }
	alias := func(size uint32, e btf.IntEncoding) btf.Type {
		return &btf.Typedef{Name: name, Type: &btf.Int{Name: "int", Size: size, Encoding: e}}
	}
	switch name {
	case "char":
		return integer(1, btf.Char)
	case "bool", "_Bool":
		return integer(1, btf.Bool)
	case "__u8", "u8", "uint8_t", "unsigned char":
		return integer(1, btf.Unsigned)
	case "__s8", "s8", "int8_t", "signed char":
		return integer(1, btf.Signed)
	case "__u16", "u16", "uint16_t", "unsigned short", "unsigned short int", "short unsigned int":
		return integer(2, btf.Unsigned)
	case "__s16", "s16", "int16_t", "short", "short int":
		return integer(2, btf.Signed)
	case "__u32", "u32", "uint32_t", "unsigned", "unsigned int", "uid_t", "gid_t":
		return integer(4, btf.Unsigned)
	case "__s32", "s32", "int32_t", "int", "signed", "signed int", "pid_t":
		return integer(4, btf.Signed)
	case "__u64", "u64", "uint64_t", "unsigned long", "unsigned long long", "unsigned long int", "unsigned long long int", "long unsigned int", "long long unsigned int", "size_t":
		return integer(8, btf.Unsigned)
	case "__s64", "s64", "int64_t", "long", "long long", "long int", "long long int", "ssize_t":
		return integer(8, btf.Signed)
	case "__be16":
		return alias(2, btf.Unsigned)
	case "__be32", "dev_t":
		return alias(4, btf.Unsigned)
	case "__be64":
		return alias(8, btf.Unsigned)
	case "float":
		return &btf.Float{Name: name, Size: 4}
	case "double":
		return &btf.Float{Name: name, Size: 8}
	}
	return nil
}

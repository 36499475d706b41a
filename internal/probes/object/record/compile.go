// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Format is how a field is shown, as it is configured.
type Format string

// The formats. Without one, the type decides.
const (
	Auto       Format = ""
	Integer    Format = "int"
	Hex        Format = "hex"
	Boolean    Format = "bool"
	String     Format = "string"
	HexBytes   Format = "bytes"
	EnumName   Format = "enum"
	IPv4       Format = "ipv4"
	IPv6       Format = "ipv6"
	IP         Format = "ip"
	Port       Format = "port" // in network byte order
	Errno      Format = "errno"
	Return     Format = "return" // what a system call returns: an error below zero
	Signal     Format = "signal"
	Device     Format = "device"
	DeviceName Format = "device_name"
	User       Format = "user"
	CgroupPath Format = "cgroup"
	Container  Format = "container"
	KtimeMono  Format = "ktime"
	KtimeBoot  Format = "boottime"
	KStack     Format = "kernel_stack"
	UStack     Format = "user_stack"
)

// format says what a Format is for.
type format struct {
	then then
	// number tells that it is for integers; others are for bytes.
	number bool
}

func formats() map[Format]format {
	return map[Format]format{
		Integer: {thenInt, true}, Hex: {thenHex, true}, Boolean: {thenBool, true}, EnumName: {thenEnum, true},
		String: {thenBytes, false}, HexBytes: {thenBytes, false},
		IPv4: {thenIPv4, true}, IPv6: {thenBytes, false}, IP: {thenBytes, false}, Port: {thenInt, true},
		Errno: {thenErrno, true}, Return: {thenErrno, true}, Signal: {thenSignal, true}, Device: {thenDevice, true}, DeviceName: {thenRef, true},
		User: {thenRef, true}, CgroupPath: {thenRef, true}, Container: {thenRef, true},
		KtimeMono: {thenRef, true}, KtimeBoot: {thenRef, true}, KStack: {thenRef, true}, UStack: {thenRef, true},
	}
}

// Validate refuses all but the known formats.
func (f Format) Validate() error {
	if _, ok := formats()[f]; ok || f == Auto {
		return nil
	}
	var names []string
	for name := range maps.Keys(formats()) {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return fmt.Errorf("%q is no form of a field; known are %s", string(f), strings.Join(names, ", "))
}

// Options change how a field is shown.
type Options struct {
	Format Format
	// Scale is what a number is multiplied by; 0 means 1.
	Scale float64
	// Unit is that of the field.
	Unit string
	// Enum is the type that gives its numbers names, where the field's own does not.
	Enum *btf.Enum
}

// Compile makes the Field at a path of a type.
//
// Returns an error with the path if it leads nowhere, or to what has no such form.
func Compile(root btf.Type, path string, o Options) (*Field, error) {
	p, err := Find(root, path)
	if err != nil {
		return nil, err
	}
	return compile(p, o)
}

// CompileAt makes the Field at a place that was found before.
func CompileAt(p Place, o Options) (*Field, error) { return compile(p, o) }

func compile(p Place, o Options) (*Field, error) {
	f := &Field{Path: p.Path, Format: o.Format, Unit: o.Unit, scale: o.Scale, offset: p.Bit / 8}
	fail := func(format string, args ...any) (*Field, error) {
		what := "field " + fmt.Sprintf("%q", p.Path)
		if p.Path == "" {
			what = "the value"
		}
		return nil, fmt.Errorf(what+": "+format, args...)
	}
	if err := o.Format.Validate(); err != nil {
		return fail("%w", err)
	}
	if err := f.typed(p, o); err != nil {
		return fail("%w", err)
	}
	if want, ok := formats()[o.Format]; ok {
		if err := f.formatted(p, o, want); err != nil {
			return fail("%w", err)
		}
	}
	if o.Scale != 0 {
		if !f.isNumber() || f.then != thenInt && f.then != thenFloat {
			return fail("%s cannot be multiplied", f.shown(p))
		}
		f.then = thenScale
	}
	if f.offset+f.size > maxOffset {
		return fail("it is beyond what a record can hold")
	}
	f.end = f.offset + f.size
	if f.op == opChars || f.op == opHexBytes {
		f.end = f.offset
	}
	return f, nil
}

func (f *Field) shown(p Place) string {
	if f.Format != Auto {
		return string(f.Format)
	}
	return Describe(p.Type)
}

// typed sets how the field is read and shown by its type.
func (f *Field) typed(p Place, o Options) error {
	name := typedefs(p.Type)
	switch t := btf.UnderlyingType(p.Type).(type) {
	case *btf.Int:
		return f.integer(p, t, name)
	case *btf.Enum:
		f.signed = t.Signed
		if o.Enum == nil {
			f.enumerators(t)
		}
		f.then = thenEnum
		return f.sized(p, t.Size)
	case *btf.Float:
		f.then, f.size, f.op, f.signed = thenFloat, t.Size, opF64, true
		switch t.Size {
		case 4:
			f.op = opF32
		case 8:
		default:
			return fmt.Errorf("a floating point number of %d bytes is not known", t.Size)
		}
		return nil
	case *btf.Pointer:
		f.then = thenHex
		return f.sized(p, 8)
	case *btf.Array:
		return f.array(t)
	case *btf.Struct:
		return f.structure(t)
	case *btf.Union:
		return fmt.Errorf("it is %s: choose one of its members %s", Describe(p.Type), enumerate(memberNames(t.Members)))
	}
	return fmt.Errorf("%s has no form as an attribute", Describe(p.Type))
}

// typedefs collects the names by which a type is known.
func typedefs(t btf.Type) map[string]bool {
	names := map[string]bool{}
	for range maxDepth {
		switch at := t.(type) {
		case *btf.Typedef:
			names[at.Name] = true
			t = at.Type
		case *btf.Const:
			t = at.Type
		case *btf.Volatile:
			t = at.Type
		case *btf.TypeTag:
			t = at.Type
		default:
			return names
		}
	}
	return names
}

func (f *Field) integer(p Place, t *btf.Int, names map[string]bool) error {
	f.signed = t.Encoding == btf.Signed || t.Encoding == btf.Char && t.Name == "char"
	f.then = thenInt
	if err := f.sized(p, t.Size); err != nil {
		return err
	}
	if p.Bits > 0 {
		return nil
	}
	switch {
	case t.Encoding == btf.Bool:
		f.then = thenBool
	case names["__be16"] && t.Size == 2:
		f.op = opBE16
	case names["__be32"] && t.Size == 4:
		f.op = opBE32
	case names["__be64"] && t.Size == 8:
		f.op = opBE64
	case names["dev_t"] && t.Size == 4:
		f.then = thenDevice
	}
	return nil
}

// sized chooses how an integer of that many bytes is read, or its bit field.
func (f *Field) sized(p Place, size uint32) error {
	f.size = size
	if p.Bits > 0 || p.Bit%8 != 0 {
		width := p.Bits
		if width == 0 {
			width = size * 8
		}
		if width > 64 || p.Bits > size*8 {
			return fmt.Errorf("a bit field of %d bits does not fit its type", width)
		}
		f.shift, f.width = uint8(p.Bit%8), uint8(width)
		f.size = (uint32(f.shift) + width + 7) / 8
		f.op = opBits
		if f.size == 9 {
			f.op = opBits9
		}
		return nil
	}
	ops := map[uint32][2]op{1: {opU8, opS8}, 2: {opU16, opS16}, 4: {opU32, opS32}, 8: {opU64, opS64}}
	both, ok := ops[size]
	if !ok {
		return fmt.Errorf("an integer of %d bytes has no form as an attribute", size)
	}
	f.op = both[0]
	if f.signed {
		f.op = both[1]
	}
	return nil
}

// maxNames bounds the values of an enum that are found by index.
const maxNames = 1024

func (f *Field) enumerators(e *btf.Enum) {
	f.names, f.named = nil, nil
	for _, v := range e.Values {
		if v.Value < maxNames {
			for uint64(len(f.names)) <= v.Value {
				f.names = append(f.names, "")
			}
			if f.names[v.Value] == "" {
				f.names[v.Value] = v.Name
			}
			continue
		}
		if f.named == nil {
			f.named = map[int64]string{}
		}
		n := int64(v.Value)
		if e.Signed && e.Size == 4 {
			n = int64(int32(v.Value))
		}
		f.named[n] = v.Name
	}
}

func (f *Field) array(t *btf.Array) error {
	f.then = thenBytes
	elem, ok := btf.UnderlyingType(t.Type).(*btf.Int)
	if !ok {
		return fmt.Errorf("it is an array of %s: choose an element, as in [0]", Describe(t.Type))
	}
	if t.Nelems == 0 {
		return errors.New("it is an array without elements, whose length the types do not tell")
	}
	total := uint64(t.Nelems) * uint64(elem.Size)
	if total >= maxOffset {
		return fmt.Errorf("it has %d bytes, and records have less than %d", total, maxOffset)
	}
	f.size = uint32(total)
	switch {
	case elem.Size == 1 && (elem.Encoding == btf.Char || elem.Name == "char"):
		f.op = opChars
	case elem.Size == 1 && elem.Encoding != btf.Bool:
		f.op = opHexBytes
	case elem.Size == 2 || elem.Size == 4 || elem.Size == 8 || elem.Size == 1:
		f.op, f.elem, f.signed = opInts, uint8(elem.Size), elem.Encoding == btf.Signed
	default:
		return fmt.Errorf("an array of integers of %d bytes has no form as an attribute", elem.Size)
	}
	return nil
}

func (f *Field) structure(t *btf.Struct) error {
	switch {
	case t.Name == "in_addr" && t.Size == 4:
		f.then, f.op, f.size = thenBytes, opIPv4, 4
	case t.Name == "in6_addr" && t.Size == 16:
		f.then, f.op, f.size = thenBytes, opIPv6, 16
	default:
		return fmt.Errorf("it is %s: choose one of its members %s", Describe(t), enumerate(memberNames(t.Members)))
	}
	return nil
}

// formatted applies a chosen format to what the type gave.
func (f *Field) formatted(p Place, o Options, want format) error {
	no := func() error { return fmt.Errorf("%s cannot be shown as %s", Describe(p.Type), o.Format) }
	switch o.Format {
	case String, HexBytes:
		if f.op != opChars && f.op != opHexBytes {
			return no()
		}
		f.op = opChars
		if o.Format == HexBytes {
			f.op = opHexBytes
		}
		return nil
	case IPv6, IP:
		switch {
		case f.size == 16 && !f.isNumber():
			f.then, f.op = thenBytes, opIPv6
		case f.size == 4 && o.Format == IP:
			f.then, f.op = thenBytes, opIPv4
		default:
			return no()
		}
		return nil
	case IPv4:
		if f.size != 4 || f.op == opBits {
			return no()
		}
		f.then, f.op = thenBytes, opIPv4
		return nil
	case Port:
		switch f.op {
		case opBE16:
		case opU16, opS16:
			f.op, f.signed = opBE16, false
		default:
			return no()
		}
	case EnumName:
		if o.Enum == nil && len(f.names) == 0 && len(f.named) == 0 {
			return errors.New("its numbers have no names: the key enum: names a type that has them")
		}
		if o.Enum != nil {
			f.enumerators(o.Enum)
		}
	}
	if want.number && (!f.isNumber() || f.isFloat()) {
		return no()
	}
	f.then = want.then
	return nil
}

// Raw makes a Field that gives the bytes of a place as they are in the record, by
// [Field.Raw].
//
// Returns an error if the place has no size, or is no whole number of bytes.
func Raw(p Place) (*Field, error) {
	n, err := sizeof(p.Type)
	if err != nil {
		return nil, err
	}
	if p.Bits > 0 || p.Bit%8 != 0 {
		return nil, fmt.Errorf("field %q: it is a bit field", p.Path)
	}
	return &Field{Path: p.Path, then: thenBytes, op: opHexBytes, offset: p.Bit / 8, size: uint32(n), end: p.Bit/8 + uint32(n)}, nil
}

// Raw gives the bytes of the field in the record, which is long enough.
func (f *Field) Raw(rec []byte) []byte { return rec[f.offset : f.offset+f.size] }

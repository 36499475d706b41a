// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/binary"
	"math"
)

// Kind says what a [Value] holds.
type Kind uint8

// The kinds of values.
const (
	// None is the absence of a value, as of the error in a return value of 0.
	None Kind = iota
	// Int is a signed number, in Value.Int.
	Int
	// Uint is a number above those that Int can hold, also in Value.Int.
	Uint
	// Float is in Value.Float.
	Float
	// Bool is in Value.Int: 0 or 1.
	Bool
	// Text is in Value.Text.
	Text
	// Bytes is text in Value.Bytes, which is valid until the next record or the next use
	// of the scratch memory.
	Bytes
	// Ints is an array of integers, in Value.Bytes as they are in the record.
	Ints
	// Ref is a number in Value.Int that the [Format] of the field gives a meaning to
	// which is not in the record, as of a user ID.
	Ref
)

// Value is what a field has in one record.
type Value struct {
	Kind  Kind
	Int   int64
	Float float64
	Text  string
	Bytes []byte
}

// op is how a field is read.
type op uint8

const (
	opU8 op = iota
	opU16
	opU32
	opU64
	opS8
	opS16
	opS32
	opS64
	opBits  // a bit field
	opBits9 // one over nine bytes
	opBE16
	opBE32
	opBE64
	opF32
	opF64
	opChars
	opHexBytes
	opIPv4
	opIPv6
	opInts
)

// Field reads one field of a record.
type Field struct {
	op     op
	then   then
	signed bool
	shift  uint8 // of a bit field: lowest bit in its first byte
	width  uint8
	// offset and size are in bytes. end is how long a record must be: a text at its end may be
	// cut, as programs do that send no more than they have.
	offset, size, end uint32
	scale             float64
	names             []string
	named             map[int64]string
	elem              uint8 // bytes of an element of Ints

	// Path is the field's path.
	Path string
	// Format is how it is shown.
	Format Format
	// Unit is that of the field, empty if it is not known.
	Unit string
}

// Offset is where the field begins in the record, in bytes.
func (f *Field) Offset() int { return int(f.offset) }

// End is the length that a record must have, in bytes.
func (f *Field) End() int { return int(f.end) }

// Element is the size of an integer of a value of the kind Ints, in bytes, and whether it
// is signed.
func (f *Field) Element() (size int, signed bool) { return int(f.elem), f.signed }

// number reads an integer. The record is long enough.
func (f *Field) number(rec []byte) int64 {
	b := rec[f.offset:]
	switch f.op {
	case opU8:
		return int64(b[0])
	case opU16:
		return int64(binary.LittleEndian.Uint16(b))
	case opU32:
		return int64(binary.LittleEndian.Uint32(b))
	case opU64, opS64:
		return int64(binary.LittleEndian.Uint64(b))
	case opS8:
		return int64(int8(b[0]))
	case opS16:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case opS32:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case opBE16:
		return int64(binary.BigEndian.Uint16(b))
	case opBE32:
		return int64(binary.BigEndian.Uint32(b))
	case opBE64:
		return int64(binary.BigEndian.Uint64(b))
	case opBits, opBits9:
		return f.bits(b)
	case opF32:
		return int64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case opF64:
		return int64(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return 0
}

// bits reads a bit field, which begins in the first byte of b.
func (f *Field) bits(b []byte) int64 {
	var v uint64
	for i := range min(f.size, 8) {
		v |= uint64(b[i]) << (8 * i)
	}
	v >>= f.shift
	if f.op == opBits9 {
		v |= uint64(b[8]) << (64 - f.shift)
	}
	if f.width < 64 {
		v &= 1<<f.width - 1
		if f.signed && v>>(f.width-1) != 0 {
			v |= math.MaxUint64 << f.width
		}
	}
	return int64(v)
}

// isNumber tells whether the field is a number.
func (f *Field) isNumber() bool { return f.op <= opF64 }

// isFloat tells whether it is one with a fraction.
func (f *Field) isFloat() bool { return f.op == opF32 || f.op == opF64 }

// Int reads the field as an integer. A field that is none gives 0; see [Field.Integer].
func (f *Field) Int(rec []byte) int64 { return f.number(rec) }

// Number reads the field as a number, with its scale.
func (f *Field) Number(rec []byte) float64 {
	v := f.float(rec)
	if f.scale != 0 {
		v *= f.scale
	}
	return v
}

func (f *Field) float(rec []byte) float64 {
	switch f.op {
	case opF32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(rec[f.offset:])))
	case opF64:
		return math.Float64frombits(binary.LittleEndian.Uint64(rec[f.offset:]))
	}
	v := f.number(rec)
	if v < 0 && !f.signed {
		return float64(uint64(v))
	}
	return float64(v)
}

// Integer tells whether Int reads the field without loss.
func (f *Field) Integer() bool { return f.isNumber() && !f.isFloat() && f.scale == 0 }

// Numeric tells whether Number reads the field.
func (f *Field) Numeric() bool { return f.isNumber() }

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import "encoding/binary"

// elements takes as many elements as b begins with that are whole up to their values'
// lengths, which is most of them: in one go, not part by part. It gives the bytes taken, and
// leaves what is cut, or makes no sense, to the parts.
func (m *body) elements(pd *pending, b []byte) int {
	w, done := &m.walk, 0
	for m.part == partType && len(b) > 1 {
		f := &w.frames[w.depth-1]
		if b[0] == 0 {
			if m.pos+1 != f.end {
				break
			}
			m.pos++
			done++
			b = b[1:]
			m.leave(pd)
			continue
		}
		name := 1
		for name < len(b) && b[name] != 0 && name <= maxName {
			name++
		}
		at := name + 1 // the value
		if at > len(b) || name > maxName || b[name] != 0 {
			break
		}
		size, ok := valueSize(b[0], b[at:])
		if !ok || m.pos+int64(at)+size >= f.end {
			break
		}
		// A value that may be kept must be at hand.
		whole := int64(len(b)-at) >= size
		if !whole && b[0] != typeDocument && b[0] != typeArray {
			break
		}
		w.typ = b[0]
		m.decide(pd, b[1:name])
		switch {
		case w.walked:
			w.walked = false
			m.pos += int64(at) + 4
			m.enter(w.inner, size)
			done += at + 4
			b = b[at+4:]
			continue
		case w.into == fieldNone:
		case b[0] == typeString:
			if s := pd.span(w.into); s != nil && s.len == 0 && size > 4 {
				pd.keep(s, b[at+4:at+int(size)-1])
			}
		case w.typ == typeBool || w.typ == typeInt32 || w.typ == typeInt64 || w.typ == typeDouble:
			m.scalar(pd, b[at:at+int(size)])
		}
		if !whole {
			m.pos += int64(len(b))
			done += len(b)
			m.skip(size-int64(len(b)-at), partType)
			return done
		}
		n := at + int(size)
		m.pos += int64(n)
		done += n
		b = b[n:]
	}
	return done
}

// valueSize is the number of bytes of a value of the type that b begins with, when b tells.
func valueSize(typ byte, b []byte) (int64, bool) {
	var extra int64
	switch typ {
	case typeUndefined, typeNull, typeMaxKey, typeMinKey:
		return 0, true
	case typeBool:
		return 1, true
	case typeInt32:
		return 4, true
	case typeDouble, typeDate, typeTimestamp, typeInt64:
		return 8, true
	case typeObjectID:
		return 12, true
	case typeDecimal:
		return 16, true
	case typeString, typeCode, typeSymbol:
		extra = 4
	case typeBinary:
		extra = 5
	case typePointer:
		extra = 16
	case typeDocument, typeArray, typeScoped:
	default:
		return 0, false
	}
	if len(b) < 4 {
		return 0, false
	}
	n := int64(int32(binary.LittleEndian.Uint32(b)))
	if n < 0 || extra == 0 && n < 5 || extra != 0 && extra != 5 && n < 1 {
		return 0, false
	}
	return n + extra, true
}

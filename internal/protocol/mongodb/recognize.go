// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import "encoding/binary"

// Recognize tells from the first bytes of a direction whether a message starts there, and
// which: a header with its opCode, and behind it what that operation begins with. Requests
// answer nothing, responses do.
func Recognize(b []byte) (Direction, Verdict) {
	if len(b) < headerLen {
		if v := headVerdict(Request, b); v != No {
			return Request, v
		}
		return Response, headVerdict(Response, b)
	}
	d := Request
	if h := readHeader(b); h.responseTo != 0 {
		d = Response
	}
	v := headVerdict(d, b)
	if v == No {
		return d, No
	}
	return d, contentVerdict(readHeader(b), b[headerLen:])
}

// headVerdict judges a header, also a part of one, where it may not be one.
func headVerdict(d Direction, b []byte) Verdict {
	if len(b) >= headerLen {
		if h := readHeader(b); !h.valid(d) || (h.responseTo != 0) != (d == Response) {
			return No
		}
		return Yes
	}
	if len(b) >= 4 {
		if n := int64(int32(binary.LittleEndian.Uint32(b))); n < headerLen+6 || n > maxMessage {
			return No
		}
	}
	for i := 12; i < len(b); i++ {
		if i >= 14 && b[i] != 0 || i == 13 && b[i] != 7 && b[i] != 0 {
			return No
		}
	}
	return NeedMore
}

// contentVerdict judges what stands behind a valid header.
func contentVerdict(h header, b []byte) Verdict {
	rest := h.length - headerLen
	if int64(len(b)) > rest {
		b = b[:rest]
	}
	switch h.op {
	case opMsg:
		if len(b) < 5 {
			return NeedMore
		}
		// Of the bits that a reader must know there are two; the others may be set when
		// they are optional ones.
		if flags := binary.LittleEndian.Uint32(b); flags&0xffff&^(flagChecksum|flagMoreToCome) != 0 || flags>>16 > 1 {
			return No
		}
		if b[4] == 0 {
			return documentVerdict(b[5:], rest-5)
		}
		if b[4] != 1 {
			return No
		}
		return sequenceVerdict(b[5:], rest-5)
	case opCompressed:
		if len(b) < 9 {
			return NeedMore
		}
		original, size := int32(binary.LittleEndian.Uint32(b)), int64(int32(binary.LittleEndian.Uint32(b[4:])))
		if original != opMsg && original != opQuery && original != opReply || size < 5 || size > maxMessage || b[8] > 3 {
			return No
		}
		return Yes
	case opQuery:
		i := 4
		for ; i < len(b) && b[i] != 0; i++ {
			if b[i] <= ' ' || b[i] == 0x7f || i > maxName {
				return No
			}
		}
		if i >= len(b) || len(b) < i+9 {
			return NeedMore
		}
		return documentVerdict(b[i+9:], rest-int64(i+9))
	case opReply:
		if len(b) < 20 {
			return NeedMore
		}
		if binary.LittleEndian.Uint32(b) > 15 {
			return No
		}
		if rest == 20 {
			return Yes
		}
		return documentVerdict(b[20:], rest-20)
	case opInsert, opUpdate, opDelete, opGetMore, opKillCursors:
		return NeedMore // gone since MongoDB 5.1
	}
	return No
}

// documentVerdict judges the beginning of a document that has no more than rest bytes.
func documentVerdict(b []byte, rest int64) Verdict {
	if len(b) < 4 {
		return NeedMore
	}
	if n := int64(int32(binary.LittleEndian.Uint32(b))); n < 5 || n > rest {
		return No
	}
	if len(b) < 6 {
		return NeedMore
	}
	if t := b[4]; t == 0 || t > typeDecimal && t != typeMaxKey && t != typeMinKey {
		return No
	}
	return nameVerdict(b[5:])
}

// sequenceVerdict judges the beginning of a section of kind 1.
func sequenceVerdict(b []byte, rest int64) Verdict {
	if len(b) < 4 {
		return NeedMore
	}
	if n := int64(int32(binary.LittleEndian.Uint32(b))); n < 5 || n > rest {
		return No
	}
	return nameVerdict(b[4:])
}

// nameVerdict judges a name: letters, and what else begins those of fields.
func nameVerdict(b []byte) Verdict {
	for i, c := range b {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$'
		switch {
		case c == 0 && i > 0:
			return Yes
		case i == 0 && !letter, c <= ' ', c >= 0x7f, i >= maxName:
			return No
		case i >= 3:
			return Yes
		}
	}
	return NeedMore
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

// hpack.Decoder ends a connection on the first index it does not know. That is right for
// an endpoint and wrong for an observer who joined late, so header blocks are decoded here:
// an index that may exist gives an unknown field, and decoding goes on.

type blockResult uint8

const (
	blockWhole blockResult = iota
	blockCut               // the block ends inside a field
	blockBad               // not valid HPACK
)

// readInt reads an integer with an n-bit prefix (RFC 7541 section 5.1).
func readInt(b []byte, n uint8) (v uint64, rest []byte, r blockResult) {
	if len(b) == 0 {
		return 0, nil, blockCut
	}
	mask := uint64(1)<<n - 1
	v = uint64(b[0]) & mask
	if v < mask {
		return v, b[1:], blockWhole
	}
	for i := 1; i < len(b); i++ {
		if i > 5 {
			return 0, nil, blockBad
		}
		v += uint64(b[i]&127) << (7 * (i - 1))
		if b[i] < 128 {
			return v, b[i+1:], blockWhole
		}
	}
	return 0, nil, blockCut
}

// readString splits off a string literal (RFC 7541 section 5.2) without decoding it.
func readString(b []byte) (raw []byte, huffman bool, rest []byte, r blockResult) {
	n, rest, r := readInt(b, 7)
	if r != blockWhole {
		return nil, false, nil, r
	}
	if n > uint64(len(rest)) {
		return nil, false, nil, blockCut
	}
	return rest[:n], b[0]&0x80 != 0, rest[n:], blockWhole
}

// decodeBlock hands the fields of a header block to h and keeps the dynamic table.
func (c *Config) decodeBlock(t *table, b []byte, h *head) blockResult {
	for len(b) > 0 {
		var r blockResult
		var v uint64
		switch first := b[0]; {
		case first > 0x80 && first < 0xff: // most fields of most requests
			b, r = b[1:], c.indexed(t, uint64(first&0x7f), h)
		case first&0x80 != 0:
			if v, b, r = readInt(b, 7); r == blockWhole {
				r = c.indexed(t, v, h)
			}
		case first&0x40 != 0:
			b, r = c.literal(t, b, 6, true, h)
		case first&0x20 != 0:
			if v, b, r = readInt(b, 5); r == blockWhole && !t.resize(v) {
				r = blockBad
			}
		default:
			b, r = c.literal(t, b, 4, false, h)
		}
		if r != blockWhole {
			return r
		}
	}
	return blockWhole
}

func (c *Config) indexed(t *table, index uint64, h *head) blockResult {
	if index == 0 {
		return blockBad
	}
	if index <= numStatic {
		f := &c.static[index]
		h.field(c, f.name, f.value)
		return blockWhole
	}
	e, ok := t.lookup(index)
	switch {
	case !ok:
		return blockBad
	case e == nil || e.name == nameUnknown:
		h.unknownField(c)
	case e.name == nameUnwanted:
		h.field(c, nameUnwanted, nil)
	default:
		h.field(c, e.name, t.value(e))
	}
	return blockWhole
}

// name finds the name of a literal field. Those that are wanted are known by their code, which
// no other string has.
func (c *Config) name(raw []byte, huffman bool) (id nameID, n int, r blockResult) {
	if !huffman {
		return c.names.find(raw), len(raw), blockWhole
	}
	if id := c.names.findCode(raw); id != nameUnwanted {
		return id, len(c.names.list[id].name), blockWhole
	}
	_, n, ok := c.huffman.decode(c.valueBuf[:0], raw, 0) // measured, not decoded
	if !ok {
		return nameUnwanted, 0, blockBad
	}
	return nameUnwanted, n, blockWhole
}

func (c *Config) literal(t *table, b []byte, prefix uint8, insert bool, h *head) ([]byte, blockResult) {
	index, rest, r := readInt(b, prefix)
	if r != blockWhole {
		return nil, r
	}
	var (
		name    nameID
		nameLen int
	)
	switch {
	case index == 0:
		raw, huffman, tail, r := readString(rest)
		if r != blockWhole {
			return nil, r
		}
		rest = tail
		if name, nameLen, r = c.name(raw, huffman); r != blockWhole {
			return nil, r
		}
	case index <= numStatic:
		name, nameLen = c.static[index].name, int(c.static[index].nameLen)
	default:
		e, ok := t.lookup(index)
		if !ok {
			return nil, blockBad
		}
		name = nameUnknown
		if e != nil && e.name != nameUnknown {
			name, nameLen = e.name, int(e.nameLen)
		}
	}
	raw, huffman, rest, r := readString(rest)
	if r != blockWhole {
		return nil, r
	}
	value, valueLen := raw, len(raw)
	if huffman && (insert || name > nameUnwanted) {
		room := 0 // values of no interest are measured, not decoded
		if name > nameUnwanted {
			room = c.maxHeader
		}
		var ok bool
		if c.valueBuf, valueLen, ok = c.huffman.decode(c.valueBuf[:0], raw, room); !ok {
			return nil, blockBad
		}
		value = c.valueBuf
	}
	if name <= nameUnwanted {
		value = nil
	}
	if insert {
		t.insert(name, nameLen, valueLen, value)
	}
	if name == nameUnknown {
		h.unknownField(c)
	} else {
		h.field(c, name, value)
	}
	return rest, blockWhole
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"

	"golang.org/x/net/http2/hpack"
)

// huffmanTable decodes the code of RFC 7541 appendix B: one or two symbols by a look-up of
// the next bits, the code's tree for longer codes.
//
// hpack.HuffmanDecode is not used: it keeps what it decoded, which may be a credential, in
// a pool, and it cannot tell the length of a string without decoding it into memory.
type huffmanTable struct {
	short [1 << huffmanBits]huffmanStep
	nodes [256]huffmanNode
}

const (
	huffmanBits = 12
	twoSymbols  = 0x80
	huffmanMax  = 30 // bits of the longest code
)

// huffmanStep is, from the lowest byte: the first symbol, the second one, the bits of the
// first, the bits of both; with one symbol alone the last two are the same. The highest bit
// tells that there are two. It is zero where the code is longer than huffmanBits.
type huffmanStep uint32

func stepOf(sym byte, bits int) huffmanStep {
	return huffmanStep(sym) | huffmanStep(bits)<<16 | huffmanStep(bits)<<24
}

// with adds the first symbol of the next step, if both fit.
func (e huffmanStep) with(next huffmanStep) huffmanStep {
	if next == 0 || e.first()+next.first() > huffmanBits {
		return e
	}
	return e&0xffffff | next&0xff<<8 | huffmanStep(e.first()+next.first()|twoSymbols)<<24
}

func (e huffmanStep) first() uint { return uint(e) >> 16 & 0xff }
func (e huffmanStep) both() uint  { return uint(e) >> 24 & 0x7f }
func (e huffmanStep) more() int   { return int(e >> 31) }

// huffmanNode's children are inner nodes when positive, symbols as -1-symbol, or 0 (EOS).
type huffmanNode [2]int16

var sharedHuffman = sync.OnceValue(newHuffmanTable)

// newHuffmanTable learns the code from hpack's encoder, so that it exists only once.
func newHuffmanTable() *huffmanTable {
	t := new(huffmanTable)
	inner := int16(1)
	for sym := range 256 {
		// Eight times the symbol makes as many bytes as one of it has bits.
		bits := int(hpack.HuffmanEncodeLength(string(bytes.Repeat([]byte{byte(sym)}, 8))))
		code := hpack.AppendHuffmanString(nil, string([]byte{byte(sym)}))
		at, prefix := int16(0), 0
		for i := range bits {
			bit := int(code[i/8] >> (7 - i%8) & 1)
			prefix = prefix<<1 | bit
			next := &t.nodes[at][bit]
			if i == bits-1 {
				*next = int16(-1 - sym)
				break
			}
			if *next == 0 {
				*next = inner
				inner++
			}
			at = *next
		}
		if free := huffmanBits - bits; free >= 0 {
			for i := range 1 << free {
				t.short[prefix<<free|i] = stepOf(byte(sym), bits)
			}
		}
	}
	for i, e := range t.short {
		if e != 0 {
			// The bits behind the first symbol, as if the rest were zeros: right if it fits.
			t.short[i] = e.with(t.short[i<<e.first()&(1<<huffmanBits-1)])
		}
	}
	return t
}

// decode appends at most room bytes of the decoded string to dst. n is its whole length.
func (t *huffmanTable) decode(dst, src []byte, room int) (out []byte, n int, ok bool) {
	start := len(dst)
	room = min(room, len(src)*8/5) // the shortest code has five bits
	dst = slices.Grow(dst, room+1)
	text := dst[start : start+room+1]
	var acc uint64
	var bits uint // of acc that are not decoded
	for len(src) >= 4 {
		acc = acc<<32 | uint64(binary.BigEndian.Uint32(src))
		src = src[4:]
		for bits += 32; bits >= huffmanMax; {
			e := t.short[acc>>((bits-huffmanBits)&63)&(1<<huffmanBits-1)]
			if e == 0 {
				sym, used := t.long(acc, bits)
				if used == 0 {
					return dst[:start+min(n, room)], n, false // EOS
				}
				e = stepOf(sym, int(used))
			}
			if n < room {
				binary.LittleEndian.PutUint16(text[n:], uint16(e))
			}
			n += 1 + e.more()
			bits -= e.both()
		}
	}
	for ; len(src) > 0; src = src[1:] {
		acc = acc<<8 | uint64(src[0])
		bits += 8
	}
	for {
		var e huffmanStep
		if bits >= huffmanBits {
			e = t.short[acc>>(bits-huffmanBits)&(1<<huffmanBits-1)]
		} else {
			pad := huffmanBits - bits
			e = t.short[(acc<<pad|(1<<pad-1))&(1<<huffmanBits-1)]
		}
		used, more := e.both(), e.more()
		if used > bits { // the second symbol, or the first, is made of padding
			used, more = e.first(), 0
		}
		if used == 0 {
			var sym byte
			sym, used = t.long(acc, bits)
			e = huffmanStep(sym)
		}
		if used == 0 || used > bits {
			// What is left is padding: less than a byte, all ones (section 5.2).
			ok = bits < 8 && acc&(1<<bits-1) == 1<<bits-1
			return dst[:start+min(n, room)], n, ok
		}
		if n < room {
			binary.LittleEndian.PutUint16(text[n:], uint16(e))
		}
		n += 1 + more
		bits -= used
	}
}

// long finds the symbol of a long code. used is 0 when there is none.
func (t *huffmanTable) long(acc uint64, bits uint) (sym byte, used uint) {
	at := int16(0)
	for used < bits {
		used++
		switch next := t.nodes[at][acc>>(bits-used)&1]; {
		case next < 0:
			return byte(-1 - next), used
		case next == 0:
			return 0, 0
		default:
			at = next
		}
	}
	return 0, 0
}

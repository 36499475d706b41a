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
	huffmanMax  = 30 // bits of the longest code
)

// huffmanStep is, from the lowest byte: the bits of both symbols, the bits of the first, the
// first symbol, the second one; with one symbol alone the first two are the same. The highest
// bit of the second byte tells that there are two. It is zero where the code is longer than
// huffmanBits.
type huffmanStep uint32

const twoSymbols = 0x8000

func stepOf(sym byte, bits int) huffmanStep {
	return huffmanStep(bits) | huffmanStep(bits)<<8 | huffmanStep(sym)<<16
}

// with adds the first symbol of the next step, if both fit.
func (e huffmanStep) with(next huffmanStep) huffmanStep {
	if next == 0 || e.first()+next.first() > huffmanBits {
		return e
	}
	return e&^0xff | huffmanStep(e.first()+next.first()) | twoSymbols | next>>16&0xff<<24
}

func (e huffmanStep) both() uint      { return uint(e) & 0x3f }
func (e huffmanStep) first() uint     { return uint(e) >> 8 & 0x3f }
func (e huffmanStep) more() int       { return int(e >> 15 & 1) }
func (e huffmanStep) symbols() uint16 { return uint16(e >> 16) }

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
	var acc uint64 // what is not decoded, from its highest bit
	var bits uint  // how much that is
	for len(src) >= 4 {
		if len(src) >= 8 { // what does not fit is read again
			acc |= binary.BigEndian.Uint64(src) >> (bits & 63)
			src = src[(63-bits)>>3:]
			bits |= 56
		} else {
			acc |= uint64(binary.BigEndian.Uint32(src)) << (32 - bits)
			src = src[4:]
			bits += 32
		}
		for bits >= huffmanMax {
			e := t.short[acc>>(64-huffmanBits)]
			if e == 0 {
				sym, used := t.long(acc, bits)
				if used == 0 {
					return dst[:start+min(n, room)], n, false // EOS
				}
				e = stepOf(sym, int(used))
			}
			if n < room {
				binary.LittleEndian.PutUint16(text[n:], e.symbols())
			}
			n += 1 + e.more()
			acc <<= e.both()
			bits -= e.both()
		}
	}
	for ; len(src) > 0; src = src[1:] {
		acc |= uint64(src[0]) << (56 - bits)
		bits += 8
	}
	for {
		e := t.short[(acc|^uint64(0)>>bits)>>(64-huffmanBits)]
		used, more := e.both(), e.more()
		if used > bits { // the second symbol, or the first, is made of padding
			used, more = e.first(), 0
		}
		if used == 0 {
			var sym byte
			sym, used = t.long(acc, bits)
			e = stepOf(sym, int(used))
		}
		if used == 0 || used > bits {
			// What is left is padding: less than a byte, all ones (section 5.2).
			ok = bits < 8 && acc>>(64-bits) == 1<<bits-1
			return dst[:start+min(n, room)], n, ok
		}
		if n < room {
			binary.LittleEndian.PutUint16(text[n:], e.symbols())
		}
		n += 1 + more
		acc <<= used
		bits -= used
	}
}

// long finds the symbol of a long code. used is 0 when there is none.
func (t *huffmanTable) long(acc uint64, bits uint) (sym byte, used uint) {
	at := int16(0)
	for used < bits {
		next := t.nodes[at][acc>>63]
		acc <<= 1
		used++
		switch {
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

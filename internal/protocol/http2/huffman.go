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

// huffmanStep is zero where the code is longer than huffmanBits.
type huffmanStep struct {
	sym   [2]byte
	first uint8 // bits of the first symbol
	both  uint8 // bits of both symbols, or of the first when there is no second; symbols - 1 in bit 7
}

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
				t.short[prefix<<free|i] = huffmanStep{sym: [2]byte{byte(sym)}, first: uint8(bits), both: uint8(bits)}
			}
		}
	}
	for i := range t.short {
		e := &t.short[i]
		if e.first == 0 {
			continue
		}
		// The bits behind the first symbol, as if the rest were zeros: right if it fits.
		next := t.short[i<<e.first&(1<<huffmanBits-1)]
		if next.first != 0 && e.first+next.first <= huffmanBits {
			e.sym[1] = next.sym[0]
			e.both = e.first + next.first | twoSymbols
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
	var bits uint8 // of acc that are not decoded
	for {
		if bits <= 32 && len(src) >= 4 {
			acc = acc<<32 | uint64(binary.BigEndian.Uint32(src))
			src = src[4:]
			bits += 32
		} else if bits < huffmanMax {
			for ; bits <= 56 && len(src) > 0; src = src[1:] {
				acc = acc<<8 | uint64(src[0])
				bits += 8
			}
		}
		for bits >= huffmanMax || len(src) == 0 {
			var e huffmanStep
			if bits >= huffmanBits {
				e = t.short[acc>>(bits-huffmanBits)&(1<<huffmanBits-1)]
			} else {
				pad := huffmanBits - bits
				e = t.short[(acc<<pad|(1<<pad-1))&(1<<huffmanBits-1)]
			}
			used, more := e.both&^twoSymbols, int(e.both>>7)
			if used > bits { // the second symbol, or the first, is made of padding
				used, more = e.first, 0
			}
			if used == 0 {
				e.sym[0], used = t.long(acc, bits)
			}
			if used == 0 || used > bits {
				// What is left is padding: less than a byte, all ones (section 5.2).
				ok = bits < 8 && acc&(1<<bits-1) == 1<<bits-1
				return dst[:start+min(n, room)], n, ok
			}
			if n < room {
				text[n], text[n+1] = e.sym[0], e.sym[1]
			}
			n += 1 + more
			bits -= used
		}
	}
}

// long finds the symbol of a long code. used is 0 when there is none.
func (t *huffmanTable) long(acc uint64, bits uint8) (sym byte, used uint8) {
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

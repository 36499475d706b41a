// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

// maxString is the longest string whose length is believed: above what servers accept
// (proto-max-bulk-len is 512 MB unless raised).
const maxString = 4 << 30

// maxElements is the largest number of elements that is believed.
const maxElements = 1 << 32

// number reads a signed decimal number that ends with CRLF, in pieces.
type number struct {
	v         uint64
	digits    uint8
	sign      byte
	cr        bool
	unlimited bool // of any length (big numbers): v is not its value
}

type readResult uint8

const (
	readMore readResult = iota
	readDone
	readBad
)

// read takes bytes up to the line's end and returns those behind it.
func (n *number) read(b []byte) ([]byte, readResult) {
	for i, c := range b {
		switch d := c - '0'; {
		case d <= 9 && !n.cr:
			if n.digits == 19 {
				if !n.unlimited {
					return nil, readBad
				}
				continue
			}
			n.v = n.v*10 + uint64(d)
			n.digits++
		case c == '\r' && n.digits > 0 && !n.cr:
			n.cr = true
		case c == '\n' && n.cr:
			return b[i+1:], readDone
		case (c == '-' || c == '+') && n.digits == 0 && n.sign == 0:
			n.sign = c
		default:
			return nil, readBad
		}
	}
	return nil, readMore
}

// word keeps the first bytes of a name.
type word struct {
	b    [maxWord]byte
	n    uint8
	over bool // it was longer, or a part was not seen
}

func (w *word) reset() { w.n, w.over = 0, false }

func (w *word) add(b []byte) {
	k := copy(w.b[w.n:], b)
	w.n += uint8(k)
	w.over = w.over || k < len(b)
}

// upper turns the word into upper case and reports whether it is whole and all of it may
// stand in a name: letters, digits and -_.| (modules use the dot).
func (w *word) upper() bool {
	for i, c := range w.b[:w.n] {
		switch {
		case 'a' <= c && c <= 'z':
			w.b[i] = c - 'a' + 'A'
		case 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '|':
		default:
			return false
		}
	}
	return w.n > 0 && !w.over
}

func (w *word) bytes() []byte { return w.b[:w.n] }

// integer is the word's value as a decimal number without sign; -1 when it is none.
func (w *word) integer() int64 {
	v := int64(0)
	for _, c := range w.b[:w.n] {
		if c < '0' || c > '9' || v > 1<<31 {
			return -1
		}
		v = v*10 + int64(c-'0')
	}
	if w.n == 0 || w.over {
		return -1
	}
	return v
}

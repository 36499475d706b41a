// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import "errors"

const (
	// maxName is the length of the longest name on the wire (RFC 1035 section 2.3.4).
	maxName = 255
	// maxText bounds the text made of one message.
	maxText = 16 << 10
)

var errCut = errors.New("the name goes on behind the capture")

// name reads a name at an offset and gives it in presentation format, with the offset behind
// it. A pointer (RFC 1035 section 4.1.4) must lead further to the front than where the part
// began that it ends: so there is an end, whatever is sent.
func (d *Decoder) name(b []byte, at int) (name []byte, end int, err error) {
	from, part, wire := len(d.text), at, 0
	for {
		if at >= len(b) {
			return nil, 0, errCut
		}
		n := int(b[at])
		switch {
		case n == 0:
			if end == 0 {
				end = at + 1
			}
			if len(d.text) == from {
				d.text = append(d.text, '.')
			}
			return d.text[from:len(d.text):len(d.text)], end, nil
		case n >= 0xc0:
			if at+1 >= len(b) {
				return nil, 0, errCut
			}
			if end == 0 {
				end = at + 2
			}
			to := n&0x3f<<8 | int(b[at+1])
			if to >= part || to < headerLen {
				return nil, 0, ErrName
			}
			at, part = to, to
		case n > 63:
			return nil, 0, ErrName
		default:
			if wire += n + 1; wire >= maxName || len(d.text) > maxText {
				return nil, 0, ErrName
			}
			if at+1+n > len(b) {
				return nil, 0, errCut
			}
			if len(d.text) > from {
				d.text = append(d.text, '.')
			}
			d.text = appendLabel(d.text, b[at+1:at+1+n])
			at += 1 + n
		}
	}
}

// appendLabel escapes what is not printable, and dots and backslashes, as RFC 1035 section 5.1
// and RFC 4343 do.
func appendLabel(to, label []byte) []byte {
	for _, c := range label {
		switch {
		case c == '.' || c == '\\':
			to = append(to, '\\', c)
		case c <= ' ' || c >= 0x7f:
			to = append(to, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		default:
			to = append(to, c)
		}
	}
	return to
}

// skipName gives the offset behind a name.
func skipName(b []byte, at int) (int, bool) {
	for at < len(b) {
		n := int(b[at])
		switch {
		case n == 0:
			return at + 1, true
		case n >= 0xc0:
			return at + 2, at+2 <= len(b)
		case n > 63:
			return 0, false
		}
		at += 1 + n
	}
	return 0, false
}

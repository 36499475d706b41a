// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import "bytes"

// shape appends to dst the text with "1" for each whole number that stands by itself. Texts of one
// shape say the same: of a number only that it is one is kept. Programs that write numbers into
// their texts, as the simple protocol of PostgreSQL has it, so have few shapes where they have any
// number of texts. Where names may be quoted the text itself is its shape, as digits may be part of one.
// cut tells that the end of the text is missing.
func shape(dst, text []byte, cut bool) []byte {
	for _, quote := range [...]byte{'"', '`', '['} {
		if bytes.IndexByte(text, quote) >= 0 {
			return append(dst, text...)
		}
	}
	done := 0
	for i := 1; i < len(text); i++ {
		if !isDigit(text[i]) || !bounds(text[i-1]) {
			continue
		}
		end := i + 1
		for end < len(text) && isDigit(text[end]) {
			end++
		}
		ends := end == len(text) && !cut || end < len(text) && bounds(text[end])
		if ends && (text[i] != '0' || end == i+1) { // what begins with a zero may be of another base
			dst = append(append(dst, text[done:i]...), '1')
			done = end
		}
		i = end - 1
	}
	return append(dst, text[done:]...)
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// bounds tells whether neither a name nor a number goes on over the byte.
func bounds(b byte) bool {
	switch b {
	case ' ', '\t', '\n', '\r', '(', ')', ',', ';', '=', '<', '>':
		return true
	default:
		return false
	}
}

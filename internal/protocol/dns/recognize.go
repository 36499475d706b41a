// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import "encoding/binary"

// Recognize tells from the first bytes of a connection's direction whether a message starts
// there, with its length or, where a program reads that by itself, behind it.
func Recognize(b []byte) (Direction, Verdict) {
	if len(b) < lengthLen+headerLen {
		if len(b) < headerLen || !plausible(b, b[2]&0x80 != 0) {
			return Request, NeedMore
		}
	}
	for _, at := range [...]int{lengthLen, 0} {
		if len(b) < at+headerLen {
			continue
		}
		m := b[at:]
		if at > 0 && int(binary.BigEndian.Uint16(b)) < headerLen {
			continue
		}
		d := Request
		if m[2]&0x80 != 0 {
			d = Response
		}
		if plausible(m, d == Response) {
			return d, Yes
		}
	}
	return Request, No
}

// plausible judges the beginning of a message where there may be none: a query has one
// question and no records but those of EDNS and signatures, a response repeats the question.
func plausible(b []byte, response bool) bool {
	if len(b) > 2 {
		if b[2]>>7 != 0 != response {
			return false
		}
		if op := b[2] >> 3 & 15; op != 0 && op != 4 && op != 5 {
			return false
		}
	}
	if len(b) > 3 && (b[3]&0x40 != 0 || !response && b[3]&0x8f != 0) {
		return false
	}
	if len(b) < headerLen {
		return true
	}
	questions, answers := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	authority, further := binary.BigEndian.Uint16(b[8:]), binary.BigEndian.Uint16(b[10:])
	if questions != 1 || further > 64 {
		return false
	}
	if !response && b[2]>>3&15 == 0 && (answers != 0 || authority > 1 || further > 2) {
		return false
	}
	return len(b) == headerLen || b[headerLen] <= 63
}

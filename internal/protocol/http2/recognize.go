// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

// minPreface is "PRI * HTTP/2.0\r\n".
const minPreface = 16

// maxResyncData bounds the DATA frames that a direction is taken up with; receivers may
// allow larger ones than the default, and what they allow is not known when joined late.
const maxResyncData = 1 << 20

// Recognize tells from the first bytes of a direction whether HTTP/2 is spoken there, and
// which direction it is. The client preface and a server's first SETTINGS tell it at once.
// Within a connection a header block does: a request's begins with pseudo-header fields of
// the static table's first seven entries, a response's with :status.
func Recognize(b []byte) (Direction, Verdict) {
	if n := min(len(b), len(clientPreface)); string(b[:n]) == clientPreface[:n] {
		if n >= minPreface {
			return Request, Yes
		}
		return Request, NeedMore
	}
	frames := 0
	settings := false
	for rest := b; ; frames++ {
		var f frame
		n := min(len(rest), frameHeaderLen)
		if n < frameHeaderLen {
			if n > 0 && !plausiblePart(rest) {
				return Request, No
			}
			break
		}
		f.parse(rest)
		if rest[5]&0x80 != 0 || !f.plausible(defaultMaxFrame) {
			return Request, No
		}
		if f.kind == frameContinuation {
			return Request, No
		}
		whole := len(rest)-frameHeaderLen >= int(f.length)
		payload := rest[frameHeaderLen:]
		if whole {
			payload = payload[:f.length]
		}
		switch f.kind {
		case frameSettings:
			if !plausibleSettings(payload) {
				return Request, No
			}
			settings = settings || frames == 0 && f.flags&flagAck == 0
			if settings && f.length > 0 && whole {
				return Response, Yes
			}
		case frameHeaders:
			if d, v := blockDirection(&f, payload, whole); v != NeedMore {
				return d, v
			}
		}
		if !whole {
			break
		}
		rest = rest[frameHeaderLen+int(f.length):]
	}
	if settings && frames > 1 {
		return Response, Yes
	}
	return Request, NeedMore
}

// plausiblePart judges fewer bytes than a frame header.
func plausiblePart(b []byte) bool {
	return b[0] == 0 && (len(b) < 4 || b[3] <= frameContinuation) && (len(b) < 6 || b[5]&0x80 == 0)
}

// plausible asks more than legal: no unknown types and flags, no unusual sizes.
func (f *frame) plausible(maxFrame uint32) bool {
	var flags uint8
	switch f.kind {
	case frameData:
		flags = flagEndStream | flagPadded
	case frameHeaders:
		flags = flagEndStream | flagEndHeaders | flagPadded | flagPriority
		if f.length == 0 {
			return false
		}
	case framePushPromise:
		flags = flagEndHeaders | flagPadded
	case frameContinuation:
		flags = flagEndHeaders
	case frameSettings, framePing:
		flags = flagAck
	case framePriority, frameReset, frameGoAway, frameWindowUpdate:
	default:
		return false
	}
	if f.kind != frameData {
		maxFrame = min(maxFrame, defaultMaxFrame)
	}
	return f.flags&^flags == 0 && f.length <= maxFrame && f.legal()
}

// plausible judges whether a segment starts with a frame: all frame headers in b look like it,
// and name streams up to maxID.
func plausible(b []byte, d Direction, maxFrame, maxID uint32) bool {
	if len(b) < frameHeaderLen {
		return false
	}
	for len(b) > 0 {
		if len(b) < frameHeaderLen {
			return plausiblePart(b)
		}
		var f frame
		f.parse(b)
		if b[5]&0x80 != 0 || !f.plausible(max(maxFrame, maxResyncData)) || f.id > maxID ||
			f.kind == frameContinuation || d == Request && f.kind == framePushPromise {
			return false
		}
		if int(f.length) >= len(b)-frameHeaderLen {
			return true
		}
		b = b[frameHeaderLen+int(f.length):]
	}
	return true
}

// plausibleSettings knows the registered settings and their bounds, and the reserved ones
// (RFC 9113 section 6.5.2, IANA HTTP/2 Settings).
func plausibleSettings(b []byte) bool {
	for ; len(b) >= 6; b = b[6:] {
		id := uint16(b[0])<<8 | uint16(b[1])
		v := uint32(b[2])<<24 | uint32(b[3])<<16 | uint32(b[4])<<8 | uint32(b[5])
		switch {
		case id == 2 && v > 1, id == 8 && v > 1, id == 9 && v > 1, id == 4 && v > 1<<31-1:
			return false
		case id == settingMaxFrameSize && (v < defaultMaxFrame || v > 1<<24-1):
			return false
		case id == 0, id > 0x10 && id&0x0f0f != 0x0a0a && id < 0xf000:
			return false
		}
	}
	return true
}

// blockDirection tells from a HEADERS frame whose it is. NeedMore says that the block looks
// right and does not tell.
func blockDirection(f *frame, b []byte, whole bool) (Direction, Verdict) {
	if f.flags&flagEndHeaders == 0 || f.id&1 == 0 {
		return Request, No
	}
	left := int(f.length)
	pad := 0
	if f.flags&flagPadded != 0 {
		if len(b) == 0 {
			return Request, NeedMore
		}
		pad, b, left = int(b[0]), b[1:], left-1
	}
	if f.flags&flagPriority != 0 {
		b, left = b[min(5, len(b)):], left-5
	}
	if left -= pad; left < 0 {
		return Request, No
	}
	b = b[:min(left, len(b))]
	return fieldsDirection(b[:min(left, len(b))], whole)
}

// fieldsDirection reads as much of a header block as is there. A request is known by two
// pseudo-header fields, a response by its :status and what follows it.
func fieldsDirection(b []byte, whole bool) (Direction, Verdict) {
	requests, fields := 0, 0
	response, regular := false, false
	for len(b) > 0 {
		if b[0]&0xe0 == 0x20 { // a size update stands first (RFC 7541 section 4.2)
			_, rest, r := readInt(b, 5)
			if r == blockBad || fields > 0 {
				return Request, No
			}
			if b = rest; r == blockCut {
				break
			}
			continue
		}
		index, rest, r := fieldIndex(b)
		pseudo := index > 0 && index <= lastResponsePseudo
		switch {
		case r == blockBad, r == blockCut && whole, pseudo && (regular || response):
			return Request, No
		case pseudo && index <= lastRequestPseudo:
			requests++
		case pseudo:
			if fields > 0 {
				return Request, No
			}
			response = true
		case index <= numStatic && fields == 0: // trailers, which do not tell
			return Request, NeedMore
		case index <= numStatic:
			regular = true
		}
		if r == blockCut {
			break
		}
		fields++
		b = rest
	}
	switch {
	case requests > 1:
		return Request, Yes
	case response && (whole || fields > 2):
		return Response, Yes
	}
	return Request, NeedMore
}

// fieldIndex splits off a field and checks its strings: a name's or value's bytes are those
// that a header may have. index is 0 for a literal name.
func fieldIndex(b []byte) (index uint64, rest []byte, r blockResult) {
	if b[0]&0x80 != 0 {
		if index, rest, r = readInt(b, 7); r == blockWhole && index == 0 {
			r = blockBad
		}
		return index, rest, r
	}
	prefix := uint8(4)
	if b[0]&0x40 != 0 {
		prefix = 6
	}
	index, rest, r = readInt(b, prefix)
	strings := 1
	if index == 0 {
		strings = 2
	}
	for ; strings > 0 && r == blockWhole; strings-- {
		var raw []byte
		var huffman bool
		if raw, huffman, rest, r = readString(rest); r != blockWhole {
			break
		}
		ok := !huffman
		if huffman {
			_, _, ok = sharedHuffman().decode(nil, raw, 0)
		}
		for _, c := range raw {
			ok = ok && (huffman || c >= ' ' && c != 0x7f)
		}
		if !ok {
			r = blockBad
		}
	}
	return index, rest, r
}

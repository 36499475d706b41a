// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

import "bytes"

// encrypted recognizes a record of TLS that holds a handshake.
func encrypted(b []byte) bool { return len(b) >= 3 && b[0] == 0x16 && b[1] == 3 && b[2] <= 4 }

// Recognize tells from the first bytes of a direction whether a control line starts there,
// and which way it goes. PING, PONG, +OK and -ERR are not recognised: others have them too.
func Recognize(b []byte) (Direction, Verdict) {
	v, n := verbOf(b)
	d := Request
	switch v {
	case verbNone:
		if n == len(b) && verbPrefix(b) {
			return d, NeedMore
		}
		return d, No
	case verbMsg, verbHMsg, verbInfo:
		d = Response
	case verbPub, verbHPub, verbSub, verbUnsub, verbConnect:
	default:
		return d, No
	}
	if n == len(b) {
		return d, NeedMore
	}
	if v == verbInfo || v == verbConnect {
		rest := bytes.TrimLeft(b[n:], " \t")
		switch {
		case len(rest) == 0:
			return d, NeedMore
		case rest[0] == '{':
			return d, Yes
		}
		return d, No
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		for _, c := range b[n:] {
			if c < '!' && !isSpace(c) && c != '\r' || c == 0x7f {
				return d, No
			}
		}
		if len(b) > defaultMaxLine {
			return d, No
		}
		return d, NeedMore
	}
	var c control
	if b[end-1] != '\r' || !c.read(b[:end-1]) {
		return d, No
	}
	return d, Yes
}

// resync looks for a control line of the direction: at the beginning of b, if that is a
// segment's, and behind each CRLF. It gives the number of bytes before it.
func resync(d Direction, b []byte, segmentStart bool) (int, bool) {
	if segmentStart && plausible(d, b, true) {
		return 0, true
	}
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return len(b), false
		}
		i += n + 1
		if i < 2 || b[i-2] != '\r' || i == len(b) {
			continue
		}
		if plausible(d, b[i:], false) {
			return i, true
		}
	}
}

// plausible tells whether a control line begins with b, and what follows it, as far as it
// is there, is one as well. Behind a CRLF, which may be a payload's, the line must be one
// of a message, whose sizes can be checked, or be followed by another.
func plausible(d Direction, b []byte, segmentStart bool) bool {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		v, n := verbOf(b)
		if v == verbConnect || v == verbInfo || v == verbErr {
			return segmentStart && n < len(b) && v.of(d)
		}
		if n == len(b) || !v.of(d) {
			return false
		}
		return bytes.IndexFunc(b[n:], func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' }) < 0
	}
	var c control
	if end == 0 || b[end-1] != '\r' || !c.read(b[:end-1]) || !c.verb.of(d) {
		return false
	}
	next := b[end+1:]
	if c.verb.isMessage() {
		if int64(len(next)) < c.total+2 {
			return true
		}
		next = next[c.total:]
		if next[0] != '\r' || next[1] != '\n' {
			return false
		}
		next = next[2:]
	} else if !segmentStart && (c.verb == verbConnect || c.verb == verbInfo || len(next) == 0) {
		return false
	}
	if len(next) == 0 {
		return true
	}
	v, n := verbOf(next)
	return v.of(d) || v == verbForeign || v == verbNone && n == len(next) && verbPrefix(next)
}

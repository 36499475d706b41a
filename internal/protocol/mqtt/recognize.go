// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

// encrypted recognizes a record of TLS that holds a handshake.
func encrypted(b []byte) bool { return len(b) >= 3 && b[0] == 0x16 && b[1] == 3 && b[2] <= 4 }

// protocolName reads the beginning of CONNECT's variable header: the version's name and level.
func protocolName(b []byte) (version, Verdict) {
	for _, name := range [...]string{"\x00\x04MQTT", "\x00\x06MQIsdp"} {
		n := min(len(b), len(name))
		if string(b[:n]) != name[:n] {
			continue
		}
		if len(b) <= len(name) {
			return 0, NeedMore
		}
		v := version(b[len(name)] & 0x7f) // the bit says that it is a bridge
		if v < version31 || v > version5 {
			return 0, No
		}
		return v, Yes
	}
	return 0, No
}

// Recognize tells from the first bytes of a direction whether a packet starts there that only
// one side sends, and which: CONNECT, also without its fixed header, which some servers read
// alone; CONNACK; SUBSCRIBE and SUBACK, PINGREQ and PINGRESP when b is all of it. PUBLISH and
// all that acknowledges it go both ways, with the same bytes: see [Published].
func Recognize(b []byte) (Direction, Verdict) {
	if len(b) == 0 {
		return Request, NeedMore
	}
	if _, v := protocolName(b); v != No {
		return Request, v
	}
	size, n := varint(b[1:])
	switch {
	case len(b) < 2 || n == 0:
		if b[0]>>4 == ptConnect && b[0]&15 == 0 {
			return Request, NeedMore
		}
		return Request, No
	case n < 0:
		return Request, No
	}
	rest := b[1+n:]
	whole := int64(len(rest)) == size
	switch b[0] {
	case ptConnect << 4:
		if size < 10 || size > maxConnect {
			return Request, No
		}
		_, v := protocolName(rest)
		return Request, v
	case ptConnack << 4:
		if whole && size >= 2 && rest[0] <= 1 && (size == 2 && rest[1] <= 5 || size > 2 && int64(rest[2])+3 == size) {
			return Response, Yes
		}
	case ptSubscribe<<4 | 2:
		if whole && size >= 6 && isSubscribe(rest) {
			return Request, Yes
		}
	case ptSuback << 4:
		if whole && size >= 3 && isSuback(rest) {
			return Response, Yes
		}
	case ptPingreq << 4:
		if whole && size == 0 {
			return Request, Yes
		}
	case ptPingresp << 4:
		if whole && size == 0 {
			return Response, Yes
		}
	}
	return Request, No
}

// Published tells whether a segment begins with a whole PUBLISH of either direction, with
// nothing but packets behind it, or with two of what acknowledges it. Which direction that is
// stands not in the bytes: it takes a connection that is known to be a client's or a server's
// by other means, as which end was accepted.
func Published(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	if b[0]>>4 != ptPublish {
		return len(b) >= 2*ackSize && isAck(b) && isAck(b[ackSize:]) && b[0] == b[ackSize]
	}
	size, n := varint(b[1:])
	if n <= 0 || size > int64(len(b)-1-n) || size > 1<<21 {
		return false
	}
	rest := b[1+n:]
	acknowledged := b[0]&6 != 0
	if len(rest) < 3 || rest[0] != 0 || rest[1] == 0 || b[0]&8 != 0 && !acknowledged {
		return false // a name longer than 255 bytes could be anything
	}
	for _, d := range []Direction{Request, Response} {
		if _, ok := chain(d, versionUnknown, b, 8); ok {
			return true
		}
	}
	return false
}

// ackSize is the length of PUBACK, PUBREC, PUBREL and PUBCOMP without a reason code, in bytes.
const ackSize = 4

func isAck(b []byte) bool {
	switch b[0] {
	case ptPuback << 4, ptPubrec << 4, ptPubrel<<4 | 2, ptPubcomp << 4:
		return b[1] == 2 && b[2]|b[3] != 0
	}
	return false
}

// Answered tells whether two segments, of opposite directions and one after the other, are a
// PUBREC and begin with its PUBREL, or a PUBREL and its PUBCOMP: of the same packet identifier.
// As with [Published], that tells no direction.
func Answered(b, answer []byte) bool {
	if len(b) != ackSize || len(answer) < ackSize || !isAck(b) || !isAck(answer) || string(b[2:4]) != string(answer[2:4]) {
		return false
	}
	return b[0]>>4 == ptPubrec && answer[0]>>4 == ptPubrel || b[0]>>4 == ptPubrel && answer[0]>>4 == ptPubcomp
}

// afterID passes the packet identifier, which is not 0, and with properties those of MQTT 5.
func afterID(b []byte, properties bool) ([]byte, bool) {
	if len(b) < 3 || b[0]|b[1] == 0 {
		return nil, false
	}
	b = b[2:]
	if properties {
		size, n := varint(b)
		if n <= 0 || size > int64(len(b)-n) {
			return nil, false
		}
		b = b[int64(n)+size:]
	}
	return b, len(b) > 0
}

// isSubscribe follows the filters of a whole SUBSCRIBE, each with its options (MQTT 3.1.1 and
// 5, section 3.8.3).
func isSubscribe(b []byte) bool {
	filters := func(b []byte, options byte) bool {
		for len(b) > 0 {
			if len(b) < 4 {
				return false
			}
			n := int(b[0])<<8 | int(b[1])
			if n == 0 || len(b) < n+3 || b[n+2]&^options != 0 || b[n+2]&3 == 3 {
				return false
			}
			for _, c := range b[2 : n+2] {
				if c < ' ' {
					return false
				}
			}
			b = b[n+3:]
		}
		return true
	}
	if rest, ok := afterID(b, false); ok && filters(rest, 3) {
		return true
	}
	rest, ok := afterID(b, true)
	return ok && filters(rest, 0x3f)
}

// isSuback looks at the codes of a whole SUBACK, one for each filter (section 3.9.3).
func isSuback(b []byte) bool {
	codes := func(b []byte) bool {
		for _, c := range b {
			if c > 2 && c != 0x80 && (c < 0x83 || c > 0xa2) {
				return false
			}
		}
		return true
	}
	if rest, ok := afterID(b, false); ok && codes(rest) {
		return true
	}
	rest, ok := afterID(b, true)
	return ok && codes(rest)
}

// maxOther bounds packets but PUBLISH where their beginning is not certain, and maxConnect
// CONNECT, which has five texts and their lengths beside what is small, in bytes.
const (
	maxOther   = 1 << 16
	maxConnect = 6 * maxOther
)

// resync looks for a packet: at the beginning of b, if that is a segment's, and elsewhere for
// two whole publishes that follow each other up to the end or to another packet. It gives the
// number of bytes before it.
func resync(d Direction, v version, b []byte, segmentStart bool) (int, bool) {
	if segmentStart {
		if _, ok := chain(d, v, b, 3); ok {
			return 0, true
		}
	}
	for i := 1; i < len(b); i++ {
		if b[i]>>4 != ptPublish {
			continue
		}
		if publishes, ok := chain(d, v, b[i:], 8); ok && publishes >= 2 {
			return i, true
		}
	}
	return len(b), false
}

func maxSize(first byte) int64 {
	switch first >> 4 {
	case ptPublish:
		return 1 << 28
	case ptConnect:
		return maxConnect
	}
	return maxOther
}

// chain follows at most so many packets and counts the whole publishes among them. It tells
// whether all are valid as far as they are there.
func chain(d Direction, v version, b []byte, most int) (publishes int, ok bool) {
	for range most {
		if len(b) == 0 {
			return publishes, true
		}
		first := b[0]
		if !validFirst(d, first) {
			return publishes, false
		}
		size, n := varint(b[1:])
		if n < 0 {
			return publishes, false
		}
		if n == 0 {
			return publishes, true
		}
		if !validSize(first, size) || size > maxSize(first) {
			return publishes, false
		}
		rest := b[1+n:]
		whole := int64(len(rest)) >= size
		body := rest[:min(int64(len(rest)), size)]
		switch first >> 4 {
		case ptPublish:
			var p publish
			r := p.read(first, body, size, v, false)
			if r == bad || r == done && len(p.topic) == 0 && p.alias == 0 {
				return publishes, false
			}
			if whole && r == done {
				publishes++
			}
		case ptConnect:
			if _, v := protocolName(body); v == No {
				return publishes, false
			}
		}
		if !whole {
			return publishes, true
		}
		b = rest[size:]
	}
	return publishes, true
}

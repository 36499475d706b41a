// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"encoding/binary"
	"unicode/utf8"
)

// Packet types (section 2.1.2 of MQTT 5.0).
const (
	ptConnect = 1 + iota
	ptConnack
	ptPublish
	ptPuback
	ptPubrec
	ptPubrel
	ptPubcomp
	ptSubscribe
	ptSuback
	ptUnsubscribe
	ptUnsuback
	ptPingreq
	ptPingresp
	ptDisconnect
	ptAuth
)

// version of the protocol, as CONNECT has it.
type version uint8

const (
	versionUnknown version = 0
	version31      version = 3
	version311     version = 4
	version5       version = 5
)

// validFirst tells whether a packet of the direction may begin with the byte.
func validFirst(d Direction, b byte) bool {
	flags := b & 15
	switch b >> 4 {
	case ptPublish:
		return flags>>1&3 != 3
	case ptConnect, ptPingreq:
		return d == Request && flags == 0
	case ptSubscribe, ptUnsubscribe:
		return d == Request && flags == 2
	case ptConnack, ptSuback, ptUnsuback, ptPingresp:
		return d == Response && flags == 0
	case ptPuback, ptPubrec, ptPubcomp, ptDisconnect, ptAuth:
		return flags == 0
	case ptPubrel:
		return flags == 2
	}
	return false
}

// validSize tells whether a packet that begins with the byte may have the remaining length.
func validSize(first byte, size int64) bool {
	switch first >> 4 {
	case ptPublish:
		if first&6 != 0 {
			return size >= 5
		}
		return size >= 2
	case ptConnect:
		return size >= 10
	case ptConnack, ptPuback, ptPubrec, ptPubrel, ptPubcomp, ptUnsuback:
		return size >= 2
	case ptSubscribe:
		return size >= 6
	case ptUnsubscribe:
		return size >= 5
	case ptSuback:
		return size >= 3
	case ptPingreq, ptPingresp:
		return size == 0
	}
	return true
}

// varint reads a variable byte integer: its value and its length, 0 when more bytes are
// needed, -1 when it is none.
func varint(b []byte) (int64, int) {
	var v int64
	for i := range min(len(b), 4) {
		v |= int64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	if len(b) < 4 {
		return 0, 0
	}
	return 0, -1
}

// validText tells whether b has no character that names of topics, or filters with their
// wildcards, cannot have. Control characters are allowed by the standard, and used by nobody.
func validText(b []byte, wildcards bool) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f || !wildcards && (c == '+' || c == '#') {
			return false
		}
	}
	return true
}

// result of reading the beginning of a packet.
type result uint8

const (
	more result = iota // bytes are missing
	done
	bad
)

// publish is the variable header of a PUBLISH. It points into the bytes it was read from.
type publish struct {
	topic                   []byte
	id                      uint16
	alias                   uint16
	traceparent, tracestate []byte
	length                  int64 // of the variable header, -1 when not known
	cut                     bool  // properties are missing
}

// read reads b, the beginning of a packet of the size. cut says that no more of it comes.
func (p *publish) read(first byte, b []byte, size int64, v version, cut bool) result {
	*p = publish{length: -1}
	if len(b) < 2 {
		return more
	}
	n := int64(binary.BigEndian.Uint16(b)) + 2
	head := n
	if first&6 != 0 {
		head += 2
	}
	if head > size || n == 2 && v != version5 && v != versionUnknown {
		return bad
	}
	// As far as it is there: it may end within a character.
	if t := b[2:min(n, int64(len(b)))]; !validText(t, false) || int64(len(b)) >= n && !utf8.Valid(t) {
		return bad
	}
	if int64(len(b)) < head {
		return more
	}
	p.topic = b[2:n]
	if first&6 != 0 {
		if p.id = binary.BigEndian.Uint16(b[n:]); p.id == 0 {
			return bad
		}
	}
	switch v {
	case version31, version311:
		p.length = head
		return done
	case versionUnknown:
		return done
	}
	length, k := varint(b[head:])
	if k < 0 || k == 0 && int64(len(b)) == size {
		return bad
	}
	if k == 0 {
		p.cut = cut
		return either(cut)
	}
	p.length = head + int64(k) + length
	if p.length > size {
		return bad
	}
	properties := b[head+int64(k):]
	if int64(len(properties)) < length {
		if !cut {
			return more
		}
		p.cut = true
		p.properties(properties)
		return done
	}
	if !p.properties(properties[:length]) {
		return bad
	}
	return done
}

func either(cut bool) result {
	if cut {
		return done
	}
	return more
}

// properties reads those of a PUBLISH (section 2.2.2.2). It tells whether they are valid.
func (p *publish) properties(b []byte) bool {
	take := func(n int) []byte {
		if len(b) < n {
			return nil
		}
		v := b[:n]
		b = b[n:]
		return v
	}
	text := func() ([]byte, bool) {
		l := take(2)
		if l == nil {
			return nil, false
		}
		v := take(int(binary.BigEndian.Uint16(l)))
		return v, v != nil
	}
	for len(b) > 0 {
		id := b[0]
		b = b[1:]
		var ok bool
		switch id {
		case 0x01: // payload format
			ok = take(1) != nil
		case 0x02: // expiry
			ok = take(4) != nil
		case 0x23: // topic alias
			v := take(2)
			if ok = v != nil; ok {
				p.alias = binary.BigEndian.Uint16(v)
			}
		case 0x0b: // subscription identifier
			_, n := varint(b)
			ok = n > 0 && take(n) != nil
		case 0x03, 0x08, 0x09: // content type, response topic, correlation data
			_, ok = text()
		case 0x26: // user property
			var name, value []byte
			if name, ok = text(); ok {
				value, ok = text()
			}
			switch string(name) {
			case "traceparent":
				p.traceparent = value
			case "tracestate":
				p.tracestate = value
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

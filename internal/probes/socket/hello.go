// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/tls"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

const (
	// maxHello bounds what is kept of a hello: HELLO_MAX of bpf/include/socket.h.
	maxHello = 2048
	// maxPartial bounds the connections of which part of a hello is kept until the rest comes,
	// within a moment: mostly a hello comes whole.
	maxPartial = 256
)

// hellos holds what the ends of encrypted connections said in clear, by the number of the
// plaintext's connection. That may be opened long after, or never: nobody dissects it.
type hellos struct {
	max     int
	conns   map[uint64]*spoken
	partial int
	// dropped counts connections whose facts were given up for others before anybody had them.
	dropped uint64
	// refused counts pieces for which there was no room.
	refused uint64
}

// spoken is of one connection.
type spoken struct {
	facts *tls.Facts
	parts [2][]byte // by direction, of a hello that was not whole
	ended [2]bool   // what follows in this direction tells nothing more
	full  [2]bool   // there was no room for a part, and what follows it is lost, too
	given bool      // the facts were asked for
	last  uint64    // boot time, ns
}

func newHellos(max int) hellos { return hellos{max: max, conns: map[uint64]*spoken{}} }

// take reads the next piece of what one end says. Without a byte it tells that the kernel encrypts.
func (h *hellos) take(conn uint64, d stream.Direction, b []byte, now uint64) {
	s := h.of(conn, now)
	if len(b) == 0 {
		s.facts.Kernel = true
		return
	}
	switch had := s.parts[d]; {
	case s.full[d]:
		h.refused++
	case s.ended[d]:
	case had != nil:
		s.parts[d] = append(had, b[:min(len(b), maxHello-len(had))]...)
		if s.ended[d] = !tls.Read(s.parts[d], s.facts) || len(s.parts[d]) == maxHello; s.ended[d] {
			h.partial--
			s.parts[d] = nil
		}
	case !tls.Read(b, s.facts) || len(b) >= maxHello:
		s.ended[d] = true
	case h.partial >= maxPartial:
		s.full[d] = true
		h.refused++
	default:
		h.partial++
		s.parts[d] = append([]byte(nil), b...)
	}
}

// facts gives what is known of a connection, and what will become known of it.
func (h *hellos) facts(conn, now uint64) *tls.Facts {
	s := h.of(conn, now)
	s.given = true
	return s.facts
}

func (h *hellos) of(conn, now uint64) *spoken {
	s := h.conns[conn]
	if s == nil {
		if len(h.conns) >= h.max {
			for other := range h.conns { // any: most are of connections that ended unseen
				if !h.conns[other].given {
					h.dropped++
				}
				h.forget(other)
				break
			}
		}
		s = &spoken{facts: new(tls.Facts)}
		h.conns[conn] = s
	}
	s.last = now
	return s
}

// forget drops what is kept of a connection. Who has its facts keeps them.
func (h *hellos) forget(conn uint64) {
	s := h.conns[conn]
	if s == nil {
		return
	}
	for _, p := range s.parts {
		if p != nil {
			h.partial--
		}
	}
	delete(h.conns, conn)
}

// expire forgets connections that were silent since before the given time, and are not open.
func (h *hellos) expire(before uint64, open func(conn uint64) bool) {
	for conn, s := range h.conns {
		if s.last < before && !open(conn) {
			h.forget(conn)
		}
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Table follows connections and gives their segments to the handlers of their
// protocols. It is used on one goroutine.
type Table struct {
	max       int
	conns     map[uint64]*entry
	protocols [numProtos]Protocol
	free      []*entry
	// Evicted counts connections that were given up because the table was full.
	Evicted uint64
}

// entry is a connection and where its two directions have come to.
type entry struct {
	conn    Conn
	handler Handler
	known   [2]bool
	next    [2]uint64
	last    uint64
	tallies *[TallySlots]TallyTotal // nil until there are any
}

// NewTable makes a table of at most max connections.
func NewTable(max int) *Table {
	return &Table{max: max, conns: make(map[uint64]*entry)}
}

// Register adds a protocol. It is called before the first record.
func (t *Table) Register(p Protocol) { t.protocols[p.Proto()] = p }

// Protocol gives the registered protocol, or nil.
func (t *Table) Protocol(p Proto) Protocol {
	if int(p) < len(t.protocols) {
		return t.protocols[p]
	}
	return nil
}

// Len is the number of connections.
func (t *Table) Len() int { return len(t.conns) }

// Find returns the handle of a known connection.
func (t *Table) Find(id uint64) (Handle, bool) {
	e := t.conns[id]
	return Handle{e}, e != nil
}

// Handle refers to one connection of a Table until that is closed.
type Handle struct{ e *entry }

// Conn gives the connection.
func (h Handle) Conn() *Conn { return &h.e.conn }

// Open adds a connection. c is copied. Its handler comes from the protocol
// that the kernel recognized; without one its segments go nowhere.
func (t *Table) Open(c *Conn, now uint64) Handle {
	if len(t.conns) >= t.max {
		t.evict(now)
	}
	var e *entry
	if n := len(t.free); n > 0 {
		e, t.free = t.free[n-1], t.free[:n-1]
		*e = entry{}
	} else {
		e = new(entry)
	}
	e.conn = *c
	e.last = now
	t.conns[c.ID] = e
	if p := t.Protocol(c.Proto); p != nil && !isForbidden(c) {
		e.handler = p.Open(&e.conn)
	}
	return Handle{e}
}

// isForbidden tells that the process's protocol is not wanted: the kernel may have recognized
// it before it knew that.
func isForbidden(c *Conn) bool {
	return c.Process != nil && c.Process.Forbidden&(1<<c.Proto) != 0
}

// Segment hands a segment on. pos is its place in its direction, in bytes since
// the kernel began to observe the connection. What was handed on before is cut off;
// what is missing before it is told to the handler.
func (t *Table) Segment(h Handle, s *Segment, pos uint64, now uint64) {
	e := h.e
	e.last = now
	if e.handler == nil {
		return
	}
	d := s.Dir
	switch {
	case !e.known[d]:
		e.known[d] = true
	case pos < e.next[d]:
		seen := e.next[d] - pos
		if seen >= uint64(s.Len) {
			return
		}
		s.Len -= int64(seen)
		s.Data = s.Data[min(seen, uint64(len(s.Data))):]
		s.Seq += uint32(seen)
		pos += seen
	case pos > e.next[d]:
		e.handler.Skip(d, int64(pos-e.next[d]))
	}
	e.next[d] = pos + uint64(s.Len)
	e.handler.Segment(s)
}

// Summary hands a summary on, and tells whether somebody took it.
func (t *Table) Summary(h Handle, s *Summary, now uint64) bool {
	h.e.last = now
	to, ok := h.e.handler.(Summarizer)
	if ok {
		to.Summary(s)
	}
	return ok
}

// Routed hands the route of a stream's request on, or its method of gRPC, and tells whether somebody
// took it.
func (t *Table) Routed(h Handle, stream uint32, route uint16, method bool) bool {
	to, ok := h.e.handler.(Routed)
	if ok {
		to.Routed(stream, route, method)
	}
	return ok
}

// EOF tells the handler that a direction has ended.
func (t *Table) EOF(h Handle, d Direction, ts uint64) {
	if h.e.handler != nil {
		h.e.handler.EOF(d, ts)
	}
}

// Idle tells the handler that the connection is quiet.
func (t *Table) Idle(h Handle, ts uint64) {
	if h.e.handler != nil {
		h.e.handler.Idle(ts)
	}
}

// Close ends a connection.
func (t *Table) Close(h Handle, reason CloseReason, ts uint64) {
	if h.e.handler != nil {
		h.e.handler.Close(reason, ts)
		h.e.handler = nil
	}
	delete(t.conns, h.e.conn.ID)
	if len(t.free) < 1024 {
		t.free = append(t.free, h.e)
	}
}

// CloseAll ends all connections.
func (t *Table) CloseAll(reason CloseReason, ts uint64) {
	for _, e := range t.conns {
		t.Close(Handle{e}, reason, ts)
	}
}

// Expire ends connections that have been quiet since before the given time and
// tells how many. The kernel reports the end of a connection, but that report may be lost.
func (t *Table) Expire(before, now uint64) int {
	n := 0
	for _, e := range t.conns {
		if e.last < before {
			t.Close(Handle{e}, Evicted, now)
			n++
		}
	}
	return n
}

// evict makes room: of some connections at random the one that was quiet longest.
func (t *Table) evict(now uint64) {
	var oldest *entry
	seen := 0
	for _, e := range t.conns {
		if oldest == nil || e.last < oldest.last {
			oldest = e
		}
		if seen++; seen == 16 {
			break
		}
	}
	if oldest != nil {
		t.Evicted++
		t.Close(Handle{oldest}, Evicted, now)
	}
}

// Lost tells the protocol that requests of it were lost in the kernel.
func (t *Table) Lost(proto Proto, p *probe.ProcessInfo, n uint64) {
	if handler := t.Protocol(proto); handler != nil && n > 0 {
		handler.Lost(p, n)
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "slices"

// Open begins to follow a connection on which one of several threads serves
// requests. Do not open connections of processes that move a request between
// threads.
func (c *Correlator) Open(id uint64) *Conn {
	conn := c.conn(id)
	conn.open = true
	return conn
}

// maxEnded is how many exchanges of a connection with streams are remembered: what ends after the
// request that it was done for ends soon after.
const maxEnded = 64

// OpenStreams is Open for a connection on which several requests are under way at a time. Seq of
// its exchanges is what tells them apart.
func (c *Correlator) OpenStreams(id uint64) *Conn {
	conn := c.Open(id)
	conn.streams = true
	return conn
}

// streamDone is done for a connection with streams.
func (conn *Conn) streamDone(c *Correlator, x *Exchange, id identity) {
	if len(conn.ended) < maxEnded {
		conn.ended = append(conn.ended, ended{*x, id})
	} else {
		conn.ended[conn.next] = ended{*x, id}
		conn.next = (conn.next + 1) % maxEnded
	}
	for i := 0; i < len(conn.waiting); {
		n := conn.waiting[i]
		switch {
		case n.seq != x.Seq:
			i++
		case x.serves(n.seq, n.x.RequestTID, n.x.Start):
			c.stats.InThread++
			c.adopt(id, n)
		default:
			c.stats.Rejected++
			c.orphan(n)
		}
	}
}

// stream looks for a request among those that have ended.
func (conn *Conn) stream(seq uint32) *ended {
	for i := range conn.ended {
		if conn.ended[i].x.Seq == seq {
			return &conn.ended[i]
		}
	}
	return nil
}

// Close ends it: no request on it will end any more.
func (c *Correlator) Close(conn *Conn) {
	conn.open = false
	for len(conn.waiting) > 0 {
		c.stats.Rejected++
		c.orphan(conn.waiting[0])
	}
	delete(c.conns, conn.id)
}

func (c *Correlator) conn(id uint64) *Conn {
	conn := c.conns[id]
	if conn == nil {
		conn = &Conn{id: id}
		c.conns[id] = conn
	}
	return conn
}

// InThread looks for the request on the connection id, in its segment seq, that
// the thread of the client exchange x was serving when it sent x. The connection
// may not be open yet: it is heard of when its first exchange ends.
func (c *Correlator) InThread(id uint64, seq uint32, x *Exchange) Parent {
	conn := c.conn(id)
	if conn.streams {
		e := conn.stream(seq)
		switch {
		case e == nil:
			return Parent{Found: true, thread: conn, seq: seq}
		case e.x.serves(seq, x.RequestTID, x.Start):
			c.stats.InThread++
			return e.id.parent()
		}
		c.stats.Rejected++
		return Parent{}
	}
	if conn.hasLast {
		if conn.last.serves(seq, x.RequestTID, x.Start) {
			c.stats.InThread++
			return conn.lastID.parent()
		}
		if int32(seq-conn.last.Seq) < 0 {
			c.stats.Rejected++
			return Parent{}
		}
	}
	return Parent{Found: true, thread: conn, seq: seq}
}

// ServerDone tells the context of a server exchange that was not held.
func (c *Correlator) ServerDone(conn *Conn, x *Exchange, ctx Context) {
	conn.done(c, x, identity{ctx: ctx})
}

func (conn *Conn) done(c *Correlator, x *Exchange, id identity) {
	if conn.streams {
		conn.streamDone(c, x, id)
		return
	}
	conn.last, conn.lastID, conn.hasLast = *x, id, true
	if len(conn.waiting) == 0 {
		return
	}
	// Several requests may have begun in one segment: what began after this one
	// ended waits for the next.
	for _, n := range slices.Clone(conn.waiting) {
		switch {
		case x.serves(n.seq, n.x.RequestTID, n.x.Start):
			c.stats.InThread++
			c.adopt(id, n)
		case n.seq == x.Seq && n.x.Start <= x.End, int32(n.seq-x.Seq) < 0:
			c.stats.Rejected++
			c.orphan(n)
		}
	}
}

// HoldServer keeps a server exchange whose parent is p. conn may be nil.
func (c *Correlator) HoldServer(conn *Conn, p Parent, wire Wire, x *Exchange, value Held, size int) {
	n := c.hold(p, x, value, size)
	if p.wire {
		n.wire, n.onWire = wire, true
		c.wires[wire] = n
	}
	if conn != nil {
		conn.done(c, x, identity{node: n})
	}
	c.shrink()
}

// HoldClient keeps a client exchange whose parent is p. wire is that of a local
// connection or nil.
func (c *Correlator) HoldClient(p Parent, wire *Wire, x *Exchange, value Held, size int) {
	n := c.hold(p, x, value, size)
	if wire != nil {
		c.meet(*wire, x, identity{node: n})
	}
	c.shrink()
}

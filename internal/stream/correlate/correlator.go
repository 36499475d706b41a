// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "slices"

// Correlator is used on one goroutine.
type Correlator struct {
	// Exporters are the processes whose spans are left to them.
	Exporters Exporters

	limits Limits

	conns         map[uint64]*Conn
	threads, wait list               // held for a parent in the thread and on the wire
	wires         map[Wire]*Node     // servers that wait for their client
	clients       []client           // clients that ended lately
	servers       map[server]*credit // whom it is worth waiting for
	held, bytes   int
	now           uint64
	stats         Stats
}

// New makes a Correlator.
func New(l Limits) *Correlator {
	return &Correlator{
		limits: l,
		conns:  map[uint64]*Conn{}, wires: map[Wire]*Node{}, servers: map[server]*credit{},
	}
}

// Stats returns the counters.
func (c *Correlator) Stats() Stats { return c.stats }

// Held is the number of exchanges that wait.
func (c *Correlator) Held() int { return c.held }

// Tick releases what waited too long. now is boot time in ns.
func (c *Correlator) Tick(now uint64) {
	c.now = max(c.now, now)
	for _, l := range []*list{&c.threads, &c.wait} {
		for l.head != nil && l.head.deadline <= c.now {
			c.stats.Expired++
			c.orphan(l.head)
		}
	}
}

// Flush releases all.
func (c *Correlator) Flush() {
	for _, l := range []*list{&c.threads, &c.wait} {
		for l.head != nil {
			c.stats.Expired++
			c.orphan(l.head)
		}
	}
}

// orphan releases a node without a parent.
func (c *Correlator) orphan(n *Node) {
	c.detach(n)
	c.free(n, nil)
}

// detach takes a node out of all places where it waits.
func (c *Correlator) detach(n *Node) {
	if n.list != nil {
		n.list.remove(n)
	}
	if n.conn != nil {
		if i := slices.Index(n.conn.waiting, n); i >= 0 {
			n.conn.waiting = slices.Delete(n.conn.waiting, i, i+1)
		}
		if len(n.conn.waiting) == 0 && !n.conn.open {
			delete(c.conns, n.conn.id)
		}
		n.conn = nil
	}
	if n.onWire && c.wires[n.wire] == n {
		delete(c.wires, n.wire)
	}
}

// free releases a detached node and all that waited for it.
func (c *Correlator) free(n *Node, parent *Context) {
	n.ctx = n.value.Release(parent)
	n.released = true
	c.held--
	c.bytes -= n.size
	children := n.children
	n.value, n.children = nil, nil
	for _, child := range children {
		c.free(child, &n.ctx)
	}
}

// adopt gives a node that waits its parent.
func (c *Correlator) adopt(parent identity, n *Node) {
	c.detach(n)
	p := parent.parent()
	if p.Context != nil {
		c.free(n, p.Context)
		return
	}
	p.node.children = append(p.node.children, n)
}

// hold makes a node that waits for p. size is the memory of the value.
func (c *Correlator) hold(p Parent, x *Exchange, value Held, size int) *Node {
	c.now = max(c.now, x.End)
	n := &Node{value: value, size: size, x: *x}
	c.held++
	c.bytes += size
	c.stats.Held++
	switch {
	case p.node != nil:
		p.node.children = append(p.node.children, n)
	case p.thread != nil:
		n.conn, n.seq = p.thread, p.seq
		n.deadline = c.now + c.limits.Thread
		p.thread.waiting = append(p.thread.waiting, n)
		c.threads.push(n)
	default:
		n.deadline = c.now + c.limits.Wire
		c.wait.push(n)
	}
	return n
}

// shrink keeps the bounds. It releases the ones that waited longest, the wire's first.
func (c *Correlator) shrink() {
	for c.held > c.limits.Held || c.bytes > c.limits.Bytes {
		n := c.wait.head
		if n == nil {
			n = c.threads.head
		}
		if n == nil {
			return
		}
		c.stats.Overflowed++
		c.orphan(n)
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

// Node is an exchange that is held, or was.
type Node struct {
	value    Held
	size     int
	x        Exchange
	ctx      Context // valid when released
	released bool

	deadline uint64
	list     *list // where it waits for time
	prev     *Node
	next     *Node

	conn     *Conn // where it waits for a parent in its thread, and for which
	seq      uint32
	wire     Wire // where it waits, or can be found, on the wire
	onWire   bool
	children []*Node
}

// list is a queue by deadline.
type list struct{ head, tail *Node }

func (l *list) push(n *Node) {
	n.list, n.prev, n.next = l, l.tail, nil
	if l.tail != nil {
		l.tail.next = n
	} else {
		l.head = n
	}
	l.tail = n
}

func (l *list) remove(n *Node) {
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		l.head = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		l.tail = n.prev
	}
	n.list, n.prev, n.next = nil, nil, nil
}

// Conn is a connection on which requests are served.
type Conn struct {
	id      uint64
	open    bool
	waiting []*Node
	// last is the exchange that ended last.
	last    Exchange
	lastID  identity
	hasLast bool
	// Where several are under way at a time, those that ended last, from next on the oldest.
	streams bool
	ended   []ended
	next    int
}

// ended is an exchange of a connection with streams.
type ended struct {
	x  Exchange
	id identity
}

// identity is a context that is known or will be.
type identity struct {
	ctx  Context
	node *Node
}

func (i *identity) parent() Parent {
	if i.node == nil {
		return Parent{Found: true, Context: &i.ctx}
	}
	if i.node.released {
		return Parent{Found: true, Context: &i.node.ctx}
	}
	return Parent{Found: true, node: i.node}
}

// Parent is what is known of an exchange's parent when it ends.
type Parent struct {
	// Found tells that there is one, or may be.
	Found bool
	// Context is the parent's, when it is known already. It is valid until
	// the next call.
	Context *Context

	node   *Node  // the parent, itself held
	thread *Conn  // the connection whose request may be it
	seq    uint32 // the segment of that request
	wire   bool   // the other end of the wire may be it
}

// Wait tells that the exchange must be held.
func (p *Parent) Wait() bool { return p.Found && p.Context == nil }

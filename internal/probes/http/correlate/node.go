// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

// Node is an exchange that is held, or was. T is the caller's data.
type Node[T any] struct {
	value    T
	size     int
	x        Exchange
	ctx      Context // valid when released
	released bool

	deadline uint64
	list     *list[T] // where it waits for time
	prev     *Node[T]
	next     *Node[T]

	conn     *Conn[T] // where it waits for a parent in its thread, and for which
	seq      uint32
	wire     Wire // where it waits, or can be found, on the wire
	onWire   bool
	children []*Node[T]
}

// list is a queue by deadline.
type list[T any] struct{ head, tail *Node[T] }

func (l *list[T]) push(n *Node[T]) {
	n.list, n.prev, n.next = l, l.tail, nil
	if l.tail != nil {
		l.tail.next = n
	} else {
		l.head = n
	}
	l.tail = n
}

func (l *list[T]) remove(n *Node[T]) {
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
type Conn[T any] struct {
	id      uint64
	open    bool
	waiting []*Node[T]
	// last is the exchange that ended last.
	last    Exchange
	lastID  identity[T]
	hasLast bool
}

// identity is a context that is known or will be.
type identity[T any] struct {
	ctx  Context
	node *Node[T]
}

func (i *identity[T]) parent() Parent[T] {
	if i.node == nil {
		return Parent[T]{Found: true, Context: &i.ctx}
	}
	if i.node.released {
		return Parent[T]{Found: true, Context: &i.node.ctx}
	}
	return Parent[T]{Found: true, node: i.node}
}

// Parent is what is known of an exchange's parent when it ends.
type Parent[T any] struct {
	// Found tells that there is one, or may be.
	Found bool
	// Context is the parent's, when it is known already. It is valid until
	// the next call.
	Context *Context

	node   *Node[T] // the parent, itself held
	thread *Conn[T] // the connection whose request may be it
	seq    uint32   // the segment of that request
	wire   bool     // the other end of the wire may be it
}

// Wait tells that the exchange must be held.
func (p *Parent[T]) Wait() bool { return p.Found && p.Context == nil }

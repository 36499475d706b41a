// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

// span is a part of content.buf.
type span struct{ off, len uint32 }

// content is a message: its method, its header and its body, as far as they came; or a
// publish that waits for its confirm.
type content struct {
	active   bool
	returned bool // unroutable, on its way back
	over     bool // confirmed while older ones wait
	kind     Kind
	left     int64 // of the body; -1 until the header
	size     int64 // of the body; -1 until the header
	frame    int64 // length of the body's first frame

	buf                      []byte
	exchange, routing, queue span
	messageID, correlation   span
	traceparent, tracestate  span
	deliveryTag              uint64
	redelivered, cut         bool
	start, end               uint64
	tag                      Tag
	endTID                   uint32
}

// reset keeps the buffer.
func (c *content) reset() {
	buf := c.buf[:0]
	if cap(buf) > keepBuf {
		buf = nil
	}
	*c = content{buf: buf, left: -1, size: -1}
}

func (c *content) put(b []byte) span {
	s := span{uint32(len(c.buf)), uint32(len(b))}
	c.buf = append(c.buf, b...)
	return s
}

func (c *content) slice(s span) []byte {
	if s.len == 0 {
		return nil
	}
	return c.buf[s.off : s.off+s.len : s.off+s.len]
}

// confirms says what is known of a channel's confirm mode.
type confirms uint8

const (
	confirmsUnknown  confirms = iota // off, or on since before observation
	confirmsNumbered                 // on, and the number of each publish is known
	confirmsUnsure                   // on, but publishes may have been hidden
)

// channel is one of a connection's.
type channel struct {
	in       [2]content
	confirms confirms
	// published is the number of publishes since confirms are on, hidden that of those which
	// the server confirmed and nobody saw.
	published, hidden uint64
	pending           queue

	// delivered is the last delivery tag, tagged tells that it is known; acked is the highest
	// that the client acknowledged.
	delivered, acked uint64
	tagged           bool

	get struct {
		waits bool
		start uint64
		tag   Tag
		queue []byte
	}
	// consuming are the queues of consumes that wait for the server to name them.
	consuming [][]byte
	declared  []byte // the queue that was declared last: what an empty name means
}

// maxConsuming bounds the consumes of a channel that wait.
const maxConsuming = 64

// queue is a ring of publishes that wait for their confirm, in the order of their numbers.
type queue struct {
	ring    []content // length a power of two
	head, n int
}

func (q *queue) at(i int) *content { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

// push appends c, whose place takes the buffer of another.
func (q *queue) push(c *content) {
	if q.n == len(q.ring) {
		ring := make([]content, max(4, 2*len(q.ring)))
		for i := range q.n {
			ring[i] = *q.at(i)
		}
		q.ring, q.head = ring, 0
	}
	q.n++
	last := q.at(q.n - 1)
	*last, *c = *c, *last
}

func (q *queue) pop() {
	q.at(0).reset()
	q.head = (q.head + 1) & (len(q.ring) - 1)
	if q.n--; q.n == 0 && len(q.ring) > 64 {
		q.ring, q.head = nil, 0
	}
}

// sweep forgets those at the head that are over.
func (q *queue) sweep() {
	for q.n > 0 && q.at(0).over {
		q.pop()
	}
}

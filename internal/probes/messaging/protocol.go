// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// protocol gives the connections of one protocol to its dissector, which emits E.
type protocol[E any] struct {
	recorder *recorder
	kind     stream.Proto
	// newParser makes a parser that calls emit for each E.
	newParser func(emit func(*E)) segment.Parser
	// recognize tells from a segment's first bytes which way they go.
	recognize func(b []byte) (segment.Direction, segment.Verdict)
	// emit takes what a connection's parser found.
	emit func(c *Conn, e *E)
	// orphans counts the responses of all connections to requests that were not seen. It may
	// be nil. answeredLost is how many of these the kernel counted as lost already.
	orphans      *uint64
	answeredLost uint64
	// holes: what the ring had no space for shows to the dissector, which counts messages;
	// the kernel counts segments.
	holes bool

	idle []*handler[E]
}

// Proto implements stream.Protocol.
func (p *protocol[E]) Proto() stream.Proto { return p.kind }

// Lost implements stream.Protocol.
func (p *protocol[E]) Lost(_ *probe.ProcessInfo, n uint64) {
	if !p.holes {
		p.recorder.lost += n
	}
}

// maxIdle bounds the handlers that are kept for later connections.
const maxIdle = 1024

// Open implements stream.Protocol.
func (p *protocol[E]) Open(c *stream.Conn) stream.Handler {
	var h *handler[E]
	if n := len(p.idle); n > 0 {
		h, p.idle = p.idle[n-1], p.idle[:n-1]
	} else {
		h = &handler[E]{p: p}
		h.parser = p.newParser(func(e *E) { p.emit(h.conn, e) })
	}
	h.of = c
	if c.Role != stream.Unknown {
		h.conn = newConn(c, c.Role, p.recorder)
	}
	return h
}

// handler follows one connection.
type handler[E any] struct {
	p      *protocol[E]
	of     *stream.Conn
	conn   *Conn // nil until the role is known
	parser segment.Parser
	// lost is Segment.Lost as last seen, unanswered how many of these requests may still
	// be answered.
	lost, unanswered uint16
}

// direction maps that of the process's bytes to that of messages.
func (h *handler[E]) direction(d stream.Direction) segment.Direction {
	if (d == stream.Receive) == (h.conn.Role == stream.Server) {
		return segment.Request
	}
	return segment.Response
}

// learn finds the role of the process from the first bytes that tell it.
func (h *handler[E]) learn(s *stream.Segment) bool {
	d, v := h.p.recognize(s.Data)
	if v != segment.Yes {
		return false
	}
	role := stream.Client
	if (d == segment.Request) == (s.Dir == stream.Receive) {
		role = stream.Server
	}
	h.conn = newConn(h.of, role, h.p.recorder)
	return true
}

func (h *handler[E]) Segment(s *stream.Segment) {
	if h.conn == nil && !h.learn(s) || h.parser.Done() {
		return
	}
	if h.p.orphans == nil {
		h.parser.Segment(h.direction(s.Dir), &s.Segment)
		return
	}
	h.unanswered += s.Lost - h.lost
	h.lost = s.Lost
	before := *h.p.orphans
	h.parser.Segment(h.direction(s.Dir), &s.Segment)
	known := min(*h.p.orphans-before, uint64(h.unanswered))
	h.unanswered -= uint16(known)
	h.p.answeredLost += known
}

func (h *handler[E]) Skip(d stream.Direction, n int64) {
	if h.conn != nil {
		h.parser.Skip(h.direction(d), n)
	}
}

func (h *handler[E]) EOF(d stream.Direction, ts uint64) {
	if h.conn != nil {
		h.parser.EOF(h.direction(d), ts)
	}
}

func (h *handler[E]) Idle(ts uint64) { h.parser.Idle(ts) }

func (h *handler[E]) Close(reason stream.CloseReason, ts uint64) {
	h.parser.Close(reason, ts)
	h.parser.Reset()
	h.of, h.conn, h.lost, h.unanswered = nil, nil, 0, 0
	if len(h.p.idle) < maxIdle {
		h.p.idle = append(h.p.idle, h)
	}
}

// cutError is the error.type of an operation that the end of its connection cut. Where
// observation ended first, nothing is known.
func cutError(r segment.CloseReason) string {
	switch r {
	case segment.CloseNormal:
		return "connection_closed"
	case segment.CloseReset:
		return "connection_reset"
	default:
		return ""
	}
}

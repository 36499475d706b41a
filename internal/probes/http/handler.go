// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/endpoint"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
)

// peer is one end of a connection. Held exchanges use it also after the
// connection's end.
type peer struct {
	endpoint.Endpoint

	// The last Host header or authority, and what it says.
	authority, host string
	port            uint16
	// The last of each.
	path, query, userAgent string

	cursor cursor
	calls  aggregate.Cursor[callKey]
}

// handler follows one connection.
type handler struct {
	p      *instrument
	conn   *stream.Conn
	peer   *peer // nil until the role is known
	parser *http1.Parser
	// thread is where the connection's requests are found by what their thread
	// sends, nil for clients and Go programs.
	thread *correlate.Conn
	// next follows the connection after HTTP/1.1 handed it over to HTTP/2.
	next *handler2
	// lost is Segment.Lost as last seen, unanswered how many of these requests
	// have not had their response yet.
	lost, unanswered uint16
}

var _ stream.Handler = (*handler)(nil)

// maxIdle bounds the handlers that are kept for later connections.
const maxIdle = 1024

func (p *instrument) newHandler(c *stream.Conn) *handler {
	var h *handler
	if n := len(p.idle); n > 0 {
		h, p.idle = p.idle[n-1], p.idle[:n-1]
	} else {
		h = &handler{p: p}
		h.parser = p.parsers.NewParser(h.exchange)
	}
	h.conn = c
	if c.Role != stream.Unknown {
		h.setRole(c.Role)
	}
	return h
}

func (h *handler) setRole(r stream.Role) {
	h.peer = &peer{Endpoint: endpoint.Make(h.conn, r, h.p.strings)}
	if r == stream.Server && h.p.traces {
		h.thread = h.p.tracer.Correlator.Open(h.conn.ID)
	}
}

// direction maps that of the process's bytes to that of messages.
func (h *handler) direction(d stream.Direction) http1.Direction {
	if (d == stream.Receive) == (h.peer.Role == stream.Server) {
		return http1.Request
	}
	return http1.Response
}

// learn finds the role of the process from the first bytes that tell it.
func (h *handler) learn(d stream.Direction, data []byte) bool {
	dir, verdict := http1.Recognize(data)
	if verdict != http1.Yes {
		return false
	}
	if (dir == http1.Request) == (d == stream.Receive) {
		h.setRole(stream.Server)
	} else {
		h.setRole(stream.Client)
	}
	return true
}

func (h *handler) Segment(s *stream.Segment) {
	if h.next != nil {
		h.next.Segment(s)
		return
	}
	if h.peer == nil && !h.learn(s.Dir, s.Data) {
		return
	}
	h.unanswered += s.Lost - h.lost
	h.lost = s.Lost
	before := h.p.parsers.Stats().OrphanResponses
	h.parser.Segment(h.direction(s.Dir), &s.Segment)
	if h.next != nil {
		h.afterUpgrade(s)
	}
	if h.unanswered > 0 {
		h.answerLost(h.p.parsers.Stats().OrphanResponses - before)
	}
}

// answerLost takes note of responses without a known request: they belong to
// requests that were lost, as far as there are such, and are counted as that.
func (h *handler) answerLost(orphans uint64) {
	known := min(orphans, uint64(h.unanswered))
	h.unanswered -= uint16(known)
	h.p.answeredLost += known
}

func (h *handler) Skip(d stream.Direction, n int64) {
	if h.next != nil {
		h.next.Skip(d, n)
	} else if h.peer != nil {
		h.parser.Skip(h.direction(d), n)
	}
}

func (h *handler) EOF(d stream.Direction, ts uint64) {
	if h.next != nil {
		h.next.EOF(d, ts)
	} else if h.peer != nil {
		h.parser.EOF(h.direction(d), ts)
	}
}

func (h *handler) Idle(ts uint64) {
	if h.next != nil {
		h.next.Idle(ts)
		return
	}
	h.parser.Idle(ts)
}

func (h *handler) Close(reason stream.CloseReason, ts uint64) {
	h.parser.Close(reason, ts)
	if h.next != nil {
		h.next.Close(reason, ts)
		h.next = nil
	}
	if h.thread != nil {
		h.p.tracer.Correlator.Close(h.thread)
	}
	h.parser.Reset()
	h.conn, h.peer, h.thread = nil, nil, nil
	h.lost, h.unanswered = 0, 0
	if len(h.p.idle) < maxIdle {
		h.p.idle = append(h.p.idle, h)
	}
}

// Routed implements stream.Routed, after HTTP/1.1 handed the connection over.
func (h *handler) Routed(number uint32, route uint16, method bool) {
	if h.next != nil {
		h.next.Routed(number, route, method)
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package db

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/endpoint"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Protocol gives the connections of one protocol to its dissector. E is the
// dissector's exchange.
type Protocol[E any] struct {
	Recorder *Recorder
	Kind     stream.Proto
	// NewParser makes a parser that calls emit for each exchange.
	NewParser func(emit func(*E)) segment.Parser
	// Recognize tells from a segment's first bytes what they are.
	Recognize func(b []byte) (segment.Direction, segment.Verdict)
	// Greet takes the first bytes that the server sends. It may be nil.
	Greet func(c *Conn, b []byte)
	// Emit takes the exchanges of a connection.
	Emit func(c *Conn, ex *E)

	idle []*handler[E]
}

// Proto implements stream.Protocol.
func (p *Protocol[E]) Proto() stream.Proto { return p.Kind }

// Lost implements stream.Protocol.
func (p *Protocol[E]) Lost(_ *probe.ProcessInfo, n uint64) { p.Recorder.lost += n }

// maxIdle bounds the handlers that are kept for later connections.
const maxIdle = 1024

// Open implements stream.Protocol.
func (p *Protocol[E]) Open(c *stream.Conn) stream.Handler {
	var h *handler[E]
	if n := len(p.idle); n > 0 {
		h, p.idle = p.idle[n-1], p.idle[:n-1]
	} else {
		h = &handler[E]{p: p}
		h.parser = p.NewParser(func(ex *E) { p.Emit(h.conn, ex) })
	}
	h.of = c
	if c.Role != stream.Unknown {
		h.setRole(c.Role)
	}
	return h
}

// handler follows one connection.
type handler[E any] struct {
	p      *Protocol[E]
	of     *stream.Conn
	conn   *Conn // nil until the role is known
	parser segment.Parser
	begun  bool // the server sent bytes
}

func (h *handler[E]) setRole(r stream.Role) {
	rec := h.p.Recorder
	h.conn = &Conn{Endpoint: endpoint.Make(h.of, r, rec.Strings)}
	if r == stream.Server && rec.traces {
		h.conn.thread = rec.tracer.Correlator.Open(h.of.ID)
	}
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
	d, verdict := h.p.Recognize(s.Data)
	if verdict != segment.Yes {
		return false
	}
	if (d == segment.Request) == (s.Dir == stream.Receive) {
		h.setRole(stream.Server)
	} else {
		h.setRole(stream.Client)
	}
	return true
}

func (h *handler[E]) Segment(s *stream.Segment) {
	if h.conn == nil && !h.learn(s) {
		return
	}
	d := h.direction(s.Dir)
	if d == segment.Response && !h.begun {
		h.begun = true
		if h.p.Greet != nil {
			h.p.Greet(h.conn, s.Data)
		}
	}
	h.parser.Segment(d, &s.Segment)
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
	if h.conn != nil && h.conn.thread != nil {
		h.p.Recorder.tracer.Correlator.Close(h.conn.thread)
		h.conn.thread = nil
	}
	h.parser.Reset()
	h.of, h.conn, h.begun = nil, nil, false
	if len(h.p.idle) < maxIdle {
		h.p.idle = append(h.p.idle, h)
	}
}

// CutError is the error.type of an exchange that the end of its connection
// cut, by the reason of that. Where observation ended first, nothing is known.
func CutError(r segment.CloseReason) string {
	switch r {
	case segment.CloseNormal:
		return "connection_closed"
	case segment.CloseReset:
		return "connection_reset"
	default:
		return ""
	}
}

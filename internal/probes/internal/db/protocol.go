// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package db

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/endpoint"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Parser is a dissector of one connection. All have these methods with types of
// their own: D is Direction, whose 0 is that of requests, R is CloseReason, S is
// Segment.
type Parser[D, R ~uint8, S any] interface {
	Segment(d D, s *S)
	Skip(d D, n int64)
	EOF(d D, ts uint64)
	Idle(ts uint64)
	Close(r R, ts uint64)
	Reset()
}

// Protocol gives the connections of one protocol to its dissector. E is the
// dissector's exchange.
type Protocol[D, R ~uint8, S, E any] struct {
	Recorder *Recorder
	Kind     stream.Proto
	// NewParser makes a parser that calls emit for each exchange.
	NewParser func(emit func(*E)) Parser[D, R, S]
	// Fill converts a segment.
	Fill func(to *S, from *stream.Segment)
	// Recognize tells from a segment's first bytes what they are.
	Recognize func(b []byte) (d D, sure bool)
	// Greet takes the first bytes that the server sends. It may be nil.
	Greet func(c *Conn, b []byte)
	// Emit takes the exchanges of a connection.
	Emit func(c *Conn, ex *E)

	idle []*handler[D, R, S, E]
}

// Proto implements stream.Protocol.
func (p *Protocol[D, R, S, E]) Proto() stream.Proto { return p.Kind }

// Lost implements stream.Protocol.
func (p *Protocol[D, R, S, E]) Lost(_ *probe.ProcessInfo, n uint64) { p.Recorder.lost += n }

// maxIdle bounds the handlers that are kept for later connections.
const maxIdle = 1024

// Open implements stream.Protocol.
func (p *Protocol[D, R, S, E]) Open(c *stream.Conn) stream.Handler {
	var h *handler[D, R, S, E]
	if n := len(p.idle); n > 0 {
		h, p.idle = p.idle[n-1], p.idle[:n-1]
	} else {
		h = &handler[D, R, S, E]{p: p}
		h.parser = p.NewParser(func(ex *E) { p.Emit(h.conn, ex) })
	}
	h.of = c
	if c.Role != stream.Unknown {
		h.setRole(c.Role)
	}
	return h
}

// handler follows one connection.
type handler[D, R ~uint8, S, E any] struct {
	p      *Protocol[D, R, S, E]
	of     *stream.Conn
	conn   *Conn // nil until the role is known
	parser Parser[D, R, S]
	in     S    // for the call at hand
	begun  bool // the server sent bytes
}

func (h *handler[D, R, S, E]) setRole(r stream.Role) {
	rec := h.p.Recorder
	h.conn = &Conn{Endpoint: endpoint.Make(h.of, r, rec.Strings)}
	if r == stream.Server && rec.traces && !h.of.Process.GoRuntime {
		h.conn.thread = rec.tracer.Correlator.Open(h.of.ID)
	}
}

// direction maps that of the process's bytes to that of messages.
func (h *handler[D, R, S, E]) direction(d stream.Direction) D {
	if (d == stream.Receive) == (h.conn.Role == stream.Server) {
		return 0
	}
	return 1
}

// learn finds the role of the process from the first bytes that tell it.
func (h *handler[D, R, S, E]) learn(s *stream.Segment) bool {
	d, sure := h.p.Recognize(s.Data)
	if !sure {
		return false
	}
	if (d == 0) == (s.Dir == stream.Receive) {
		h.setRole(stream.Server)
	} else {
		h.setRole(stream.Client)
	}
	return true
}

func (h *handler[D, R, S, E]) Segment(s *stream.Segment) {
	if h.conn == nil && !h.learn(s) {
		return
	}
	d := h.direction(s.Dir)
	if d == 1 && !h.begun {
		h.begun = true
		if h.p.Greet != nil {
			h.p.Greet(h.conn, s.Data)
		}
	}
	h.p.Fill(&h.in, s)
	h.parser.Segment(d, &h.in)
	var none S
	h.in = none
}

func (h *handler[D, R, S, E]) Skip(d stream.Direction, n int64) {
	if h.conn != nil {
		h.parser.Skip(h.direction(d), n)
	}
}

func (h *handler[D, R, S, E]) EOF(d stream.Direction, ts uint64) {
	if h.conn != nil {
		h.parser.EOF(h.direction(d), ts)
	}
}

func (h *handler[D, R, S, E]) Idle(ts uint64) { h.parser.Idle(ts) }

func (h *handler[D, R, S, E]) Close(reason stream.CloseReason, ts uint64) {
	h.parser.Close(R(closeReasons[reason]), ts)
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

// The values of CloseReason in all dissectors.
const (
	CloseNormal = 1 + iota
	CloseReset
	CloseEvicted
	CloseShutdown
)

var closeReasons = [...]uint8{
	stream.Closed: CloseNormal, stream.Reset: CloseReset, stream.Evicted: CloseEvicted, stream.Shutdown: CloseShutdown,
}

// CutError is the error.type of an exchange that the end of its connection
// cut, by the reason of that. Where observation ended first, nothing is known.
func CutError[R ~uint8](r R) string {
	switch r {
	case CloseNormal:
		return "connection_closed"
	case CloseReset:
		return "connection_reset"
	default:
		return ""
	}
}

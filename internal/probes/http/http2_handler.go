// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/endpoint"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http2"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
)

// handler2 follows one connection that speaks HTTP/2.
type handler2 struct {
	s      *second
	conn   *stream.Conn
	peer   *peer // nil until the role is known
	parser *http2.Parser
	// thread is where requests of a Go program are found by what their goroutines send, else nil.
	thread *correlate.Conn
	// routes are those that the program chose, by stream, until the exchange ends.
	routes map[uint32]told
}

// told is what a program told of a request.
type told struct {
	route  uint16 // a number for the text
	method bool   // it is the path of a call of gRPC
}

// maxRoutes bounds the requests of a connection whose routes are known.
const maxRoutes = 4096

var _ stream.Handler = (*handler2)(nil)

func (h *handler2) setRole(r stream.Role) {
	h.peer = &peer{Endpoint: endpoint.Make(h.conn, r, h.s.p.strings)}
	if r == stream.Server && h.s.p.traces && h.conn.Process.GoRuntime {
		h.thread = h.s.p.tracer.Correlator.OpenStreams(h.conn.ID)
	}
}

// Routed implements stream.Routed.
func (h *handler2) Routed(number uint32, route uint16, method bool) {
	if h.routes == nil {
		h.routes = map[uint32]told{}
	}
	if len(h.routes) >= maxRoutes {
		clear(h.routes) // of streams whose end was not seen
	}
	h.routes[number] = told{route, method}
}

// tell takes what was told of a stream.
func (h *handler2) tell(number uint32, a *subject2) {
	if len(h.routes) == 0 {
		return
	}
	r := h.routes[number]
	delete(h.routes, number)
	switch {
	case !r.method:
		a.ex.ResponseTag.Route = r.route
	case a.ex.Target == nil && h.s.p.routes != nil:
		if path := h.s.p.routes.Route(r.route); path != "" {
			a.ex.Target, a.more.call = []byte(path), true
		}
	}
}

// direction maps that of the process's bytes to that of messages.
func (h *handler2) direction(d stream.Direction) http2.Direction {
	if (d == stream.Receive) == (h.peer.Role == stream.Server) {
		return http2.Request
	}
	return http2.Response
}

// learn finds the role of the process from the first bytes that tell it.
func (h *handler2) learn(s *stream.Segment) bool {
	d, verdict := http2.Recognize(s.Data)
	if verdict != http2.Yes {
		return false
	}
	if (d == http2.Request) == (s.Dir == stream.Receive) {
		h.setRole(stream.Server)
	} else {
		h.setRole(stream.Client)
	}
	return true
}

// Segment implements stream.Handler.
func (h *handler2) Segment(s *stream.Segment) {
	if h.peer != nil || h.learn(s) {
		h.parser.Segment(h.direction(s.Dir), &s.Segment)
	}
}

// Skip implements stream.Handler.
func (h *handler2) Skip(d stream.Direction, n int64) {
	if h.peer != nil {
		h.parser.Skip(h.direction(d), n)
	}
}

// EOF implements stream.Handler.
func (h *handler2) EOF(d stream.Direction, ts uint64) {
	if h.peer != nil {
		h.parser.EOF(h.direction(d), ts)
	}
}

// Idle implements stream.Handler.
func (h *handler2) Idle(ts uint64) { h.parser.Idle(ts) }

// Close implements stream.Handler.
func (h *handler2) Close(reason stream.CloseReason, ts uint64) {
	h.parser.Close(reason, ts)
	if h.thread != nil {
		h.s.p.tracer.Correlator.Close(h.thread)
	}
	h.parser.Reset()
	h.conn, h.peer, h.thread, h.routes = nil, nil, nil, nil
	if len(h.s.idle) < maxIdle {
		h.s.idle = append(h.s.idle, h)
	}
}

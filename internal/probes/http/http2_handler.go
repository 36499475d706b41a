// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/endpoint"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http2"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// handler2 follows one connection that speaks HTTP/2.
type handler2 struct {
	s      *second
	conn   *stream.Conn
	peer   *peer // nil until the role is known
	parser *http2.Parser
}

var _ stream.Handler = (*handler2)(nil)

func (h *handler2) setRole(r stream.Role) {
	h.peer = &peer{Endpoint: endpoint.Make(h.conn, r, h.s.p.strings)}
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
	h.parser.Reset()
	h.conn, h.peer = nil, nil
	if len(h.s.idle) < maxIdle {
		h.s.idle = append(h.s.idle, h)
	}
}

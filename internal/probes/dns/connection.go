// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package dns

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/dns"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// connections gives the connections of the Daemon "socket" to parsers.
type connections struct {
	p    *instrument
	idle []*handler
}

var _ stream.Protocol = (*connections)(nil)

// Proto implements stream.Protocol.
func (*connections) Proto() stream.Proto { return stream.ProtoDNS }

// Lost implements stream.Protocol.
func (c *connections) Lost(_ *probe.ProcessInfo, n uint64) { c.p.recorder.lost += n }

// maxIdle bounds the handlers that are kept for later connections.
const maxIdle = 256

// Open implements stream.Protocol.
func (c *connections) Open(of *stream.Conn) stream.Handler {
	var h *handler
	if n := len(c.idle); n > 0 {
		h, c.idle = c.idle[n-1], c.idle[:n-1]
	} else {
		h = &handler{of: c}
		h.parser = c.p.parsers.NewParser(func(e *dns.Exchange) { c.p.recorder.record(h.conn, e) })
	}
	if of.Role == stream.Unknown {
		return nil // the kernel recognizes queries only
	}
	h.conn = newConn(of, c.p.recorder, true)
	return h
}

// handler follows one connection.
type handler struct {
	of     *connections
	conn   *conn
	parser *dns.Parser
}

// direction maps that of the process's bytes to that of messages.
func (h *handler) direction(d stream.Direction) segment.Direction {
	if (d == stream.Receive) == (h.conn.Role == stream.Server) {
		return segment.Request
	}
	return segment.Response
}

func (h *handler) Segment(s *stream.Segment)         { h.parser.Segment(h.direction(s.Dir), &s.Segment) }
func (h *handler) Skip(d stream.Direction, n int64)  { h.parser.Skip(h.direction(d), n) }
func (h *handler) EOF(d stream.Direction, ts uint64) { h.parser.EOF(h.direction(d), ts) }
func (h *handler) Idle(ts uint64)                    { h.parser.Idle(ts) }

func (h *handler) Close(reason stream.CloseReason, ts uint64) {
	h.parser.Close(reason, ts)
	h.parser.Reset()
	h.conn = nil
	if len(h.of.idle) < maxIdle {
		h.of.idle = append(h.of.idle, h)
	}
}

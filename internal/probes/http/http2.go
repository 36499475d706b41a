// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http2"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// second is the Instrument's part for HTTP/2: connections that begin with it, and those
// that HTTP/1.1 handed over.
type second struct {
	p       *instrument
	parsers *http2.Config
	calls   *callAggregation // nil without a metrics pipeline
	lost    uint64           // in the kernel's ring

	// For the exchange at hand.
	at   subject2
	free []*held2
	idle []*handler2
}

var _ stream.Protocol = (*second)(nil)

func newSecond(set probe.Settings, p *instrument) *second {
	s := &second{p: p, parsers: http2.NewConfig(http2.Options{
		RequestHeaders:  p.cfg.CaptureHeaders.Request,
		ResponseHeaders: p.cfg.CaptureHeaders.Response,
	})}
	if set.Signals.Has(probe.Metrics) {
		s.calls = newCallAggregation(p.cfg.Metrics)
	}
	return s
}

// Proto implements stream.Protocol.
func (s *second) Proto() stream.Proto { return stream.ProtoHTTP2 }

// Open implements stream.Protocol.
func (s *second) Open(c *stream.Conn) stream.Handler {
	var h *handler2
	if n := len(s.idle); n > 0 {
		h, s.idle = s.idle[n-1], s.idle[:n-1]
	} else {
		h = &handler2{s: s}
		h.parser = s.parsers.NewParser(h.exchange)
	}
	h.conn = c
	if c.Role != stream.Unknown {
		h.setRole(c.Role)
	}
	return h
}

// Lost implements stream.Protocol.
func (s *second) Lost(_ *probe.ProcessInfo, n uint64) { s.lost += n }

// count adds what the parsers saw and could not hand on.
func (s *second) count(c *probe.Counts) {
	st := s.parsers.Stats()
	c.Lost[probe.RingFull] += s.lost
	c.Lost[probe.Overflow] += st.DropOverflow
	c.Lost[probe.Truncated] += st.DropNoStatus
	c.Lost[probe.Unmatched] += st.OrphanResponses
	c.Lost[probe.Undecodable] += st.UnknownBlocks
}

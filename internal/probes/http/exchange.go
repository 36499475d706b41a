// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"slices"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
)

// exchange takes one exchange from the parser. ex is valid only during the call.
func (h *handler) exchange(ex *http1.Exchange) {
	p, c := h.p, h.peer
	if ex.Upgraded && h.upgrade(ex) {
		return
	}
	p.counts.Seen++
	p.at = subject{p: p, peer: c, ex: ex}
	f := &p.at.facts
	p.derive(c, ex, f)
	var s *series
	if p.metrics != nil {
		s = p.metrics.record(c, ex, f)
	}
	if !p.traces {
		p.counts.Delivered++
		return
	}
	if p.leaves(c, ex.Method, f.target.path) {
		p.at.ex = nil
		return
	}
	p.at.series, p.at.remote = s, parseContext(ex)
	if tracing.Dropped(ex.RequestTag.Decided, &p.at.remote) {
		p.counts.SampledOut++
		p.at.ex = nil
		return
	}
	x := correlate.Exchange{
		Seq: ex.RequestTag.Seq, Start: f.start, End: f.end,
		RequestTID: ex.RequestTag.TID, ResponseTID: ex.ResponseTag.TID,
	}
	wire := c.Wire()
	if c.Role == stream.Client {
		p.tracer.Client(tracing.Serving(c.Process, ex.RequestTag.Parent, &x), wire, &x, &p.at)
	} else {
		if p.at.remote.Says() {
			wire = nil
		}
		tracing.Served(c.Process, &x)
		p.tracer.Server(h.thread, wire, &x, &p.at)
	}
	p.at.ex = nil
}

// subject is the exchange at hand.
type subject struct {
	p      *instrument
	peer   *peer
	ex     *http1.Exchange
	facts  facts
	remote tracing.Remote
	series *series
}

var _ tracing.Subject = (*subject)(nil)

// Finish makes the span of the exchange, unless it is sampled out.
func (s *subject) Finish(parent *correlate.Context) correlate.Context {
	p, c, f := s.p, s.peer, &s.facts
	id := p.tracer.PlaceIn(c.Process, c.Role, parent, &s.remote, s.ex.RequestTag.Decided)
	if !id.Sampled {
		p.counts.SampledOut++
		return id.Context
	}
	p.fill(p.emit.Span(c.Process), c, s.ex, f, &id)
	p.counts.Delivered++
	if s.series != nil {
		s.series.Histograms[durations].Offer(aggregate.Exemplar{Value: f.seconds(), Time: f.end, TraceID: id.TraceID, SpanID: id.SpanID})
	}
	return id.Context
}

// Hold copies what Finish needs.
func (s *subject) Hold() (correlate.Held, int) {
	v := s.p.hold(s.peer, s.ex, s.series)
	return v, len(v.buf)
}

// held is an exchange that waits for its parent. It owns its bytes.
type held struct {
	p      *instrument
	peer   *peer
	series *series
	ex     http1.Exchange
	buf    []byte
}

var _ correlate.Held = (*held)(nil)

// maxFree bounds the held exchanges that are kept for later.
const maxFree = 256

// hold copies what a span needs of an exchange.
func (p *instrument) hold(c *peer, ex *http1.Exchange, s *series) *held {
	var v *held
	if n := len(p.free); n > 0 {
		v, p.free = p.free[n-1], p.free[:n-1]
	} else {
		v = &held{p: p}
	}
	v.peer, v.series, v.ex = c, s, *ex
	e := &v.ex
	fields := [...]*[]byte{
		&e.Method, &e.Target, &e.Host, &e.UserAgent, &e.Traceparent, &e.Tracestate,
		&e.B3, &e.B3TraceID, &e.B3SpanID, &e.B3Sampled, &e.B3Flags,
	}
	size := 0
	for _, b := range fields {
		size += len(*b)
	}
	for i := range ex.RequestHeaders {
		size += len(ex.RequestHeaders[i].Value)
	}
	for i := range ex.ResponseHeaders {
		size += len(ex.ResponseHeaders[i].Value)
	}
	v.buf = slices.Grow(v.buf[:0], size)
	for _, b := range fields {
		*b = v.copy(*b)
	}
	e.B3ParentSpanID, e.RequestContentType, e.ResponseContentType = nil, nil, nil
	e.RequestHeaders = v.headers(ex.RequestHeaders)
	e.ResponseHeaders = v.headers(ex.ResponseHeaders)
	return v
}

// copy appends b, for which there is room, and returns the copy; nil stays nil.
func (v *held) copy(b []byte) []byte {
	if b == nil {
		return nil
	}
	at := len(v.buf)
	v.buf = append(v.buf, b...)
	return v.buf[at:len(v.buf):len(v.buf)]
}

func (v *held) headers(in []http1.HeaderValue) []http1.HeaderValue {
	if len(in) == 0 {
		return nil
	}
	out := make([]http1.HeaderValue, len(in))
	for i := range in {
		out[i] = http1.HeaderValue{Index: in[i].Index, Value: v.copy(in[i].Value)}
	}
	return out
}

// Release makes the span of an exchange that was held.
func (v *held) Release(parent *correlate.Context) correlate.Context {
	p := v.p
	s := subject{p: p, peer: v.peer, ex: &v.ex, series: v.series, remote: parseContext(&v.ex)}
	p.derive(v.peer, &v.ex, &s.facts)
	ctx := s.Finish(parent)
	p.drop(v)
	return ctx
}

// drop keeps the memory of an exchange that was released for a later one.
func (p *instrument) drop(v *held) {
	v.peer, v.series, v.ex = nil, nil, http1.Exchange{}
	if len(p.free) < maxFree && cap(v.buf) <= 4096 {
		p.free = append(p.free, v)
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"slices"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
)

// exchange takes one exchange from the parser. ex is valid only during the call.
func (h *handler) exchange(ex *http1.Exchange) {
	p, c := h.p, h.peer
	p.counts.Seen++
	var derived facts
	f := &derived
	p.derive(c, ex, f)
	var s *series
	if p.metrics != nil {
		s = p.metrics.record(c, ex, f)
	}
	if !p.traces {
		p.counts.Delivered++
		return
	}
	r := parseContext(ex)
	x := correlate.Exchange{
		Seq: ex.RequestTag.Seq, Start: f.start, End: f.end,
		RequestTID: ex.RequestTag.TID, ResponseTID: ex.ResponseTag.TID,
	}
	if c.role == stream.Client {
		p.finishClient(c, ex, f, &r, s, &x)
	} else {
		p.finishServer(h.thread, c, ex, f, &r, s, &x)
	}
}

func (p *instrument) finishServer(thread *correlate.Conn, c *peer, ex *http1.Exchange, f *facts, r *remote, s *series, x *correlate.Exchange) {
	var parent correlate.Parent
	if c.local && !r.valid && r.decided == undecided {
		wire := c.wire
		wire.Seq = x.Seq
		parent = p.correlator.OnWire(wire, x)
		if parent.Wait() {
			v := p.hold(c, ex, s)
			p.correlator.HoldServer(thread, parent, wire, x, v, len(v.buf))
			return
		}
	}
	id := p.finish(c, ex, f, r, s, parent.Context)
	if thread != nil {
		p.correlator.ServerDone(thread, x, id.Context)
	}
}

func (p *instrument) finishClient(c *peer, ex *http1.Exchange, f *facts, r *remote, s *series, x *correlate.Exchange) {
	var wire *correlate.Wire
	if c.local {
		p.wire = c.wire
		p.wire.Seq = x.Seq
		wire = &p.wire
	}
	var parent correlate.Parent
	if ref := ex.RequestTag.Ref; ref[0] != 0 && !c.process.GoRuntime {
		parent = p.correlator.InThread(ref[0], uint32(ref[1]), x)
		if parent.Wait() {
			v := p.hold(c, ex, s)
			p.correlator.HoldClient(parent, wire, x, v, len(v.buf))
			return
		}
	}
	id := p.finish(c, ex, f, r, s, parent.Context)
	if wire != nil {
		p.correlator.ClientDone(*wire, x, id.Context)
	}
}

// finish makes the span of an exchange, unless it is sampled out.
func (p *instrument) finish(c *peer, ex *http1.Exchange, f *facts, r *remote, s *series, parent *correlate.Context) identity {
	id := p.place(c, parent, r)
	if !id.Sampled {
		p.counts.SampledOut++
		return id
	}
	p.fill(p.emit.Span(c.process), c, ex, f, &id)
	p.counts.Delivered++
	if s != nil {
		s.duration.offer(exemplar{f.seconds(), f.end, id.TraceID, id.SpanID})
	}
	return id
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
	var f facts
	p.derive(v.peer, &v.ex, &f)
	r := parseContext(&v.ex)
	id := p.finish(v.peer, &v.ex, &f, &r, v.series, parent)
	v.peer, v.series, v.ex = nil, nil, http1.Exchange{}
	if len(p.free) < maxFree && cap(v.buf) <= 4096 {
		p.free = append(p.free, v)
	}
	return id.Context
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http2"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
)

// exchange takes one exchange from the parser. in is valid only during the call.
func (h *handler2) exchange(in *http2.Exchange) {
	s, p, c := h.s, h.s.p, h.peer
	if in.Pushed { // nobody asked for it: it is no request
		p.counts.Seen++
		p.counts.Filtered++
		return
	}
	p.counts.Seen++
	if in.RequestUnknown > 0 || in.ResponseUnknown > 0 || in.RequestHeadCut || in.ResponseHeadCut {
		p.counts.Incomplete++
	}
	a := &s.at
	a.s, a.peer = s, c
	a.ex = asHTTP1(in)
	a.more = moreOf(in)
	h.tell(in.StreamID, a)
	a.derive()
	a.series, a.callSeries = nil, nil
	switch {
	case a.more.call && s.calls != nil:
		a.callSeries = s.calls.record(c, &a.call, &a.facts)
	case !a.more.call && p.metrics != nil:
		a.series = p.metrics.record(c, &a.ex, &a.facts)
	}
	serving := in.RequestTag.Parent
	if c.Role == stream.Client && serving.Writer && p.callers != nil {
		serving = p.callers.Caller(c.Process.PID, serving.Conn, in.StreamID) // also of what is not kept: it is remembered until then
	}
	if !p.traces {
		p.counts.Delivered++
		return
	}
	if p.leaves(c, a.ex.Method, a.facts.target.path) {
		a.ex = http1.Exchange{}
		return
	}
	a.remote = parseContext(&a.ex)
	if !a.remote.Says() && in.GRPCTraceBin != nil {
		grpcTraceBin(&a.remote, in.GRPCTraceBin)
	}
	if tracing.Dropped(in.RequestTag.Decided, &a.remote) {
		p.counts.SampledOut++
		a.ex = http1.Exchange{}
		return
	}
	x := correlate.Exchange{
		// Several requests may begin in one segment, so the sequence number does not name
		// one of them. The number of the stream does, at both ends.
		Seq: in.StreamID, Start: a.facts.start, End: a.facts.end,
		RequestTID: in.RequestTag.TID, ResponseTID: in.ResponseTag.TID,
	}
	wire := c.Wire()
	if c.Role == stream.Client {
		p.tracer.Client(tracing.Serving(c.Process, serving, &x), wire, &x, a)
	} else {
		if a.remote.Says() {
			wire = nil
		}
		tracing.Served(c.Process, &x)
		p.tracer.Server(h.thread, wire, &x, a)
	}
	a.ex = http1.Exchange{}
}

// more is what HTTP/2 has and HTTP/1 has not. It holds no bytes of the exchange.
type more struct {
	https bool
	call  bool // of gRPC
	// status is grpc-status, of a call.
	status      uint32
	statusKnown bool
	// reset is what ended the stream early, and its error code.
	reset     http2.Reset
	resetCode uint32
	codeKnown bool
}

func moreOf(in *http2.Exchange) more {
	return more{
		https: string(in.Scheme) == "https", call: in.GRPC, status: in.GRPCStatus, statusKnown: in.GRPCStatusKnown,
		reset: in.Reset, resetCode: in.ResetCode, codeKnown: in.ResetCodeKnown,
	}
}

// version2 is the index of HTTP/2 in versions.
const version2 = uint8(len(versions) - 1)

// asHTTP1 gives the part of an exchange that both versions have. Its slices are those of in.
func asHTTP1(in *http2.Exchange) http1.Exchange {
	ex := http1.Exchange{
		Method: in.Method, Target: in.Path, Host: in.Authority, UserAgent: in.UserAgent,
		Traceparent: in.Traceparent, Tracestate: in.Tracestate,
		B3: in.B3, B3TraceID: in.B3TraceID, B3SpanID: in.B3SpanID, B3Sampled: in.B3Sampled, B3Flags: in.B3Flags,
		RequestMinor: version2, ResponseMinor: version2, Status: in.Status, StatusKnown: in.StatusKnown,
		RequestBodySize: in.RequestBodySize, ResponseBodySize: in.ResponseBodySize,
		RequestStart: in.RequestStart, RequestEnd: in.RequestEnd, ResponseStart: in.ResponseStart, ResponseEnd: in.ResponseEnd,
		End: in.End, RequestTag: in.RequestTag, ResponseTag: in.ResponseTag,
		// Fields that refer to what was never seen are missing like those that were cut.
		RequestHeadCut:  in.RequestHeadCut || in.RequestUnknown > 0,
		ResponseHeadCut: in.ResponseHeadCut || in.ResponseUnknown > 0,
		Upgraded:        in.Upgraded, Reason: in.Reason,
	}
	if ex.Host == nil {
		ex.Host = in.Host
	}
	switch in.Outcome {
	case http2.Complete:
		ex.Outcome = http1.Complete
	case http2.NoResponse:
		ex.Outcome = http1.NoResponse
	case http2.ResponseCut:
		ex.Outcome = http1.ResponseCut
	default:
		ex.Outcome = http1.Truncated
	}
	for _, v := range in.RequestHeaders {
		ex.RequestHeaders = append(ex.RequestHeaders, http1.HeaderValue(v))
	}
	for _, v := range in.ResponseHeaders {
		ex.ResponseHeaders = append(ex.ResponseHeaders, http1.HeaderValue(v))
	}
	return ex
}

// subject2 is the exchange at hand.
type subject2 struct {
	s          *second
	peer       *peer
	ex         http1.Exchange
	more       more
	facts      facts
	call       call // when more.call
	remote     tracing.Remote
	series     *series
	callSeries *callSeries
}

var _ tracing.Subject = (*subject2)(nil)

// derive writes the facts of ex and more.
func (a *subject2) derive() {
	p, ex, f := a.s.p, &a.ex, &a.facts
	*f = facts{target: parseTarget(ex.Target, ex.TargetTruncated), route: noRoute, method: unknownMethod}
	if a.more.https || a.peer.TLS {
		f.target.scheme = schemeHTTPS
	}
	if ex.Method != nil {
		f.method = methodOf(ex.Method)
	}
	f.failure = failureOf(a.peer.Role, ex)
	if f.failure == success && !ex.StatusKnown && a.more.reset != http2.ResetNone {
		f.failure = resetFailure(&a.more)
	}
	if a.peer.Role == stream.Server && !a.more.call {
		f.route = p.route(f.target.path, ex.ResponseTag.Route)
	}
	f.start = firstOf(ex.RequestStart, ex.RequestEnd, ex.ResponseStart, ex.End)
	f.end = max(firstOf(ex.ResponseEnd, ex.End), f.start)
	f.host, f.port = p.serverAddress(a.peer, ex, &f.target)
	if a.more.call {
		a.call = p.callOf(a.peer, ex, &a.more, f)
	}
}

var schemeHTTPS = []byte("https")

// Finish makes the span of the exchange, unless it is sampled out.
func (a *subject2) Finish(parent *correlate.Context) correlate.Context {
	p, c, f := a.s.p, a.peer, &a.facts
	id := p.tracer.PlaceIn(c.Process, c.Role, parent, &a.remote, a.ex.RequestTag.Decided)
	if !id.Sampled {
		p.counts.SampledOut++
		return id.Context
	}
	if a.more.call {
		p.fillCall(p.emit.Span(c.Process), c, &a.ex, f, &a.call, &id)
	} else {
		p.fill(p.emit.Span(c.Process), c, &a.ex, f, &id)
	}
	p.counts.Delivered++
	e := aggregate.Exemplar{Value: f.seconds(), Time: f.end, TraceID: id.TraceID, SpanID: id.SpanID}
	if a.series != nil {
		a.series.Histograms[durations].Offer(e)
	}
	if a.callSeries != nil {
		a.callSeries.Histograms[durations].Offer(e)
	}
	return id.Context
}

// Hold copies what Finish needs.
func (a *subject2) Hold() (correlate.Held, int) {
	s := a.s
	var v *held2
	if n := len(s.free); n > 0 {
		v, s.free = s.free[n-1], s.free[:n-1]
	} else {
		v = &held2{s: s}
	}
	v.held = s.p.hold(a.peer, &a.ex, a.series)
	v.more, v.remote, v.callSeries = a.more, a.remote, a.callSeries
	v.remote.State = nil // parsed again from the copy
	return v, len(v.held.buf)
}

// held2 is an exchange that waits for its parent.
type held2 struct {
	s          *second
	held       *held
	more       more
	remote     tracing.Remote
	callSeries *callSeries
}

var _ correlate.Held = (*held2)(nil)

// Release makes the span of an exchange that was held.
func (v *held2) Release(parent *correlate.Context) correlate.Context {
	s := v.s
	a := subject2{
		s: s, peer: v.held.peer, ex: v.held.ex, more: v.more, remote: v.remote,
		series: v.held.series, callSeries: v.callSeries,
	}
	if r := parseContext(&a.ex); r.Says() {
		a.remote = r
	}
	a.derive()
	ctx := a.Finish(parent)
	s.p.drop(v.held)
	*v = held2{s: s}
	if len(s.free) < maxFree {
		s.free = append(s.free, v)
	}
	return ctx
}

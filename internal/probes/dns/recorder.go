// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package dns

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/endpoint"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/intern"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/dns"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// conn is one end of a connection, or of one exchange of datagrams. Held lookups use it also
// after its end.
type conn struct {
	endpoint.Endpoint
	tcp    bool
	cursor aggregate.Cursor[seriesKey]
}

func newConn(of *stream.Conn, r *recorder, tcp bool) *conn {
	c := &conn{Endpoint: endpoint.Make(of, of.Role, r.strings), tcp: tcp}
	if of.Role == stream.Server && of.Local.Addr().IsUnspecified() {
		c.ServerAddress = "" // a socket of all addresses
	}
	return c
}

// lookup is a query with its result. Its strings are interned or constant: it is kept by
// copying it.
type lookup struct {
	name, kind, opcode string // of the first question
	questions          int
	rcode, errorType   string
	truncated          bool
	again              int
	answers, records   []string // addresses, and what else there was
	tag                dns.Tag
	responseTID        uint32
	start, end         uint64
}

func (l *lookup) seconds() float64 { return float64(l.end-l.start) / 1e9 }

// recorder makes the spans and metrics. It is used on the Instrument's goroutine.
type recorder struct {
	strings *intern.Strings
	set     probe.Settings
	traces  bool
	tracer  *tracing.Tracer
	metrics *aggregation // nil without a metrics pipeline
	names   map[string]string
	counts  probe.Counts // without what the parsers count
	lost    uint64       // in the ring of the Daemon "socket"
	at      subject
	lookup  lookup
}

func newRecorder(set probe.Settings, cfg *Config) *recorder {
	r := &recorder{
		strings: intern.New(), set: set, traces: set.Signals.Has(probe.Traces),
		tracer: tracing.New(cfg.Sampling), names: map[string]string{},
	}
	r.tracer.Admit = set.Admit
	if set.Signals.Has(probe.Metrics) {
		r.metrics = newAggregation(cfg.Metrics)
	}
	return r
}

// record takes an exchange. e is valid only during the call.
func (r *recorder) record(c *conn, e *dns.Exchange) {
	r.counts.Seen++
	l := &r.lookup
	r.read(l, c, e)
	var s *series
	if r.metrics != nil {
		s = r.metrics.record(c, l)
	}
	if !r.traces {
		r.counts.Delivered++
		return
	}
	if tracing.Dropped(l.tag.Decided, &tracing.Remote{}) {
		r.counts.SampledOut++
		return
	}
	r.at = subject{r: r, conn: c, lookup: l, series: s}
	x := correlate.Exchange{Seq: l.tag.Seq, Start: l.start, End: l.end, RequestTID: l.tag.TID, ResponseTID: l.responseTID}
	wire := c.Wire()
	if !c.tcp && c.ServerAddress == "" {
		wire = nil // its own address is not known
	}
	if c.Role == stream.Client {
		r.tracer.Client(tracing.Serving(c.Process, l.tag.Parent, &x), wire, &x, &r.at)
	} else {
		r.tracer.Server(nil, wire, &x, &r.at)
	}
	r.at = subject{}
}

// read fills in a lookup.
func (r *recorder) read(l *lookup, c *conn, e *dns.Exchange) {
	*l = lookup{
		questions: e.QuestionCount, opcode: dns.OpcodeName(e.Opcode), truncated: e.Truncated, again: e.Retransmissions,
		tag: e.QueryTag, responseTID: e.ResponseTag.TID, start: e.Start, end: max(e.End, e.Start),
	}
	if len(e.Questions) > 0 {
		l.name, l.kind = r.strings.Str(e.Questions[0].Name), dns.TypeName(e.Questions[0].Type)
	}
	switch {
	case e.Outcome == dns.Complete:
		l.rcode = dns.RCodeName(e.RCode)
		if failed(c.Role, e.RCode) {
			l.errorType = l.rcode
		}
	case e.Reason == dns.CloseNone:
		l.errorType = "timeout"
	case e.Reason == dns.CloseNormal:
		l.errorType = "connection_closed"
	case e.Reason == dns.CloseReset:
		l.errorType = "connection_reset"
	}
	for i := range e.Answers {
		a := &e.Answers[i]
		switch kind := dns.TypeName(a.Type); kind {
		case "A", "AAAA":
			l.answers = append(l.answers, r.strings.Str(a.Data))
		default:
			l.records = append(l.records, kind+" "+r.strings.Str(a.Data))
		}
	}
}

// failed: a client got no answer whatever the code; of a server only SERVFAIL and NOTIMP are
// its own fault (RFC 1035 section 4.1.1).
func failed(role stream.Role, rcode uint16) bool {
	const (
		noError  = 0
		servFail = 2
		notImp   = 4
	)
	if role == stream.Client {
		return rcode != noError
	}
	return rcode == servFail || rcode == notImp
}

// subject is a lookup that ended.
type subject struct {
	r      *recorder
	conn   *conn
	lookup *lookup
	series *series
}

var _ tracing.Subject = (*subject)(nil)

// Finish makes the span, unless it is sampled out.
func (s *subject) Finish(parent *correlate.Context) correlate.Context {
	r, l := s.r, s.lookup
	id := r.tracer.PlaceIn(s.conn.Process, s.conn.Role, parent, &tracing.Remote{}, l.tag.Decided)
	if !id.Sampled {
		r.counts.SampledOut++
		return id.Context
	}
	r.fill(r.set.Emit.Span(s.conn.Process), s.conn, l, &id)
	r.counts.Delivered++
	if s.series != nil {
		s.series.Histograms[durations].Offer(aggregate.Exemplar{Value: l.seconds(), Time: l.end, TraceID: id.TraceID, SpanID: id.SpanID})
	}
	return id.Context
}

// heldSize is about the memory of a held lookup, whose strings are shared.
const heldSize = 512

// Hold keeps the lookup.
func (s *subject) Hold() (correlate.Held, int) {
	v := &held{lookup: *s.lookup}
	v.subject = subject{r: s.r, conn: s.conn, lookup: &v.lookup, series: s.series}
	return v, heldSize
}

// held is a lookup that waits for its parent.
type held struct {
	subject subject
	lookup  lookup
}

// Release implements correlate.Held.
func (v *held) Release(parent *correlate.Context) correlate.Context { return v.subject.Finish(parent) }

// collect emits the metrics.
func (r *recorder) collect(now time.Time) {
	if r.metrics != nil {
		r.metrics.collect(r.set.Emit, r.set.Clock, pcommon.NewTimestampFromTime(now), r.gone)
	}
}

func (r *recorder) gone(i *probe.ProcessInfo) bool {
	return r.set.Processes != nil && r.set.Processes.Lookup(i.PID, i.StartTime) == nil
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"bytes"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/intern"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// recorder makes the spans and metrics of all protocols. It is used on the
// Instrument's goroutine.
type recorder struct {
	// strings are for what Operations hold.
	strings *intern.Strings

	cfg     *Config
	set     probe.Settings
	traces  bool
	tracer  *tracing.Tracer
	metrics *aggregation // nil without a metrics pipeline
	names   map[nameKey]string
	counts  probe.Counts // without what the parsers count
	lost    uint64       // in the kernel's ring
	at      subject      // the operation at hand
	free    []*held
}

func newRecorder(set probe.Settings, cfg *Config) *recorder {
	r := &recorder{
		strings: intern.New(), cfg: cfg, set: set,
		traces: set.Signals.Has(probe.Traces),
		tracer: tracing.New(cfg.Sampling),
		names:  map[nameKey]string{},
	}
	r.tracer.Admit = set.Admit
	if set.Signals.Has(probe.Metrics) {
		r.metrics = newAggregation(cfg.Metrics)
	}
	return r
}

// filter counts an operation that is none of a message.
func (r *recorder) filter() {
	r.counts.Seen++
	r.counts.Filtered++
}

// record takes an operation.
func (r *recorder) record(c *Conn, op *Operation) {
	if op.Type == Settle {
		r.filter()
		return
	}
	r.counts.Seen++
	var s *series
	if r.metrics != nil {
		s = r.metrics.record(c, op)
	}
	if !r.traces {
		r.counts.Delivered++
		return
	}
	if r.tracer.Correlator.Exporters.Has(c.Process) {
		r.counts.Filtered++
		return
	}
	if tracing.Dropped(op.Message.Decided, &op.Remote) {
		r.counts.SampledOut++
		return
	}
	r.at = subject{r: r, conn: c, op: op, series: s}
	x := correlate.Exchange{
		Seq: op.Message.Seq, Start: op.Start, End: op.End,
		RequestTID: op.Message.TID, ResponseTID: op.ResponseTID,
	}
	wire := c.wire(op)
	if c.begins(op) {
		serving := tracing.Serving(c.Process, op.Message.Parent, &x)
		if c.Role == stream.Server {
			serving = stream.Ref{}
		}
		r.tracer.Client(serving, wire, &x, &r.at)
	} else {
		if op.Remote.Says() {
			wire = nil
		}
		r.tracer.Server(nil, wire, &x, &r.at)
	}
	r.at = subject{}
}

// subject is an operation that ended.
type subject struct {
	r      *recorder
	conn   *Conn
	op     *Operation
	series *series
}

var _ tracing.Subject = (*subject)(nil)

// Finish makes the span, unless it is sampled out.
func (s *subject) Finish(parent *correlate.Context) correlate.Context {
	r, op := s.r, s.op
	role := stream.Client // what the process sends of its own accord has a local parent
	if s.conn.Role == stream.Server || op.pushed() {
		role = stream.Server
	}
	id := r.tracer.PlaceIn(s.conn.Process, role, parent, &op.Remote, op.Message.Decided)
	if !id.Sampled {
		r.counts.SampledOut++
		return id.Context
	}
	r.fill(r.set.Emit.Span(s.conn.Process), s.conn, op, &id)
	r.counts.Delivered++
	if s.series != nil {
		if h := s.series.Histograms[durations]; h != nil {
			h.Offer(aggregate.Exemplar{Value: op.seconds(), Time: op.End, TraceID: id.TraceID, SpanID: id.SpanID})
		}
	}
	return id.Context
}

// heldSize is about the memory of a held operation, whose strings are shared.
const heldSize = 768

// Hold keeps the operation.
func (s *subject) Hold() (correlate.Held, int) {
	r := s.r
	var v *held
	if n := len(r.free); n > 0 {
		v, r.free = r.free[n-1], r.free[:n-1]
	} else {
		v = &held{}
	}
	v.op = *s.op
	v.op.Remote.State = bytes.Clone(v.op.Remote.State)
	v.op.Links, v.op.Shares = slices.Clone(v.op.Links), nil
	size := heldSize + len(v.op.Remote.State)
	for i := range v.op.Links {
		l := &v.op.Links[i]
		l.State = bytes.Clone(l.State)
		size += 64 + len(l.State)
	}
	v.subject = subject{r: r, conn: s.conn, op: &v.op, series: s.series}
	return v, size
}

// held is an operation that waits for its parent.
type held struct {
	subject subject
	op      Operation
}

// maxFree bounds the held operations that are kept for later.
const maxFree = 256

// Release implements correlate.Held.
func (v *held) Release(parent *correlate.Context) correlate.Context {
	r := v.subject.r
	ctx := v.subject.Finish(parent)
	*v = held{}
	if len(r.free) < maxFree {
		r.free = append(r.free, v)
	}
	return ctx
}

// collect emits the metrics.
func (r *recorder) collect(now time.Time) {
	if r.metrics != nil {
		r.metrics.collect(r.set.Emit, r.set.Clock, pcommon.NewTimestampFromTime(now), r.gone)
	}
}

func (r *recorder) gone(i *probe.ProcessInfo) bool {
	return r.set.Processes != nil && r.set.Processes.Lookup(i.PID, i.StartTime) == nil
}

// account adds what the parsers saw and could not hand on.
func (r *recorder) account(lost [probe.NumCauses]uint64) probe.Counts {
	c := r.counts
	c.Lost = lost
	c.Lost[probe.RingFull] += r.lost
	c.Seen += c.TotalLost()
	return c
}

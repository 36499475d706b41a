// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/intern"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Recorder makes the spans and metrics of one Instrument. It is used on the
// Instrument's goroutine.
type Recorder struct {
	// Strings are for what Exchanges hold.
	Strings *intern.Strings

	cfg     Config
	set     probe.Settings
	traces  bool
	tracer  *tracing.Tracer
	metrics *aggregation // nil without a metrics pipeline
	names   map[nameKey]string
	counts  probe.Counts // without what the parsers count
	lost    uint64       // in the kernel's ring
	at      subject      // the exchange at hand
	free    []*held
	bare    bool // the text of queries is left out
}

// NewRecorder makes a Recorder.
func NewRecorder(set probe.Settings, cfg Config) *Recorder {
	r := &Recorder{
		Strings: intern.New(), cfg: cfg, set: set,
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

// Use sets the Daemon whose connections are recorded.
func (r *Recorder) Use(s stream.Source) { r.tracer.Correlator = s.Correlator() }

// Shed is that of [probe.Shedder].
func (r *Recorder) Shed(s probe.Shedding) error {
	r.tracer.Shed(s.Drop)
	r.bare = s.Bare
	return nil
}

// Filter counts an exchange that executes nothing.
func (r *Recorder) Filter() {
	r.counts.Seen++
	r.counts.Filtered++
}

// Record takes an exchange.
func (r *Recorder) Record(c *Conn, ex *Exchange) {
	r.counts.Seen++
	var s *series
	if r.metrics != nil {
		s = r.metrics.record(c, ex)
	}
	if !r.traces {
		r.counts.Delivered++
		return
	}
	if r.tracer.Correlator.Exporters.Has(c.Process) {
		r.counts.Filtered++
		return
	}
	if tracing.Dropped(ex.Request.Decided, &ex.Remote) {
		r.counts.SampledOut++
		return
	}
	r.at = subject{r: r, conn: c, ex: ex, series: s}
	x := correlate.Exchange{
		Seq: ex.Request.Seq, Start: ex.Start, End: ex.End,
		RequestTID: ex.Request.TID, ResponseTID: ex.ResponseTID,
	}
	wire := c.Wire()
	if c.Role == stream.Client {
		r.tracer.Client(tracing.Serving(c.Process, ex.Request.Parent, &x), wire, &x, &r.at)
	} else {
		if ex.Remote.Says() {
			wire = nil
		}
		tracing.Served(c.Process, &x)
		r.tracer.Server(c.thread, wire, &x, &r.at)
	}
	r.at = subject{}
}

// subject is an exchange that ended.
type subject struct {
	r      *Recorder
	conn   *Conn
	ex     *Exchange
	series *series
}

var _ tracing.Subject = (*subject)(nil)

// Finish makes the span, unless it is sampled out.
func (s *subject) Finish(parent *correlate.Context) correlate.Context {
	r, ex := s.r, s.ex
	id := r.tracer.PlaceIn(s.conn.Process, s.conn.Role, parent, &ex.Remote, ex.Request.Decided)
	if !id.Sampled {
		r.counts.SampledOut++
		return id.Context
	}
	r.fill(r.set.Emit.Span(s.conn.Process), s.conn, ex, &id)
	r.counts.Delivered++
	if s.series != nil {
		s.series.Histograms[durations].Offer(aggregate.Exemplar{Value: ex.seconds(), Time: ex.End, TraceID: id.TraceID, SpanID: id.SpanID})
	}
	return id.Context
}

// heldSize is about the memory of a held exchange, whose strings are shared.
const heldSize = 512

// Hold keeps the exchange.
func (s *subject) Hold() (correlate.Held, int) {
	r := s.r
	var v *held
	if n := len(r.free); n > 0 {
		v, r.free = r.free[n-1], r.free[:n-1]
	} else {
		v = &held{}
	}
	v.ex = *s.ex
	v.subject = subject{r: r, conn: s.conn, ex: &v.ex, series: s.series}
	return v, heldSize + len(v.ex.Text)
}

// held is an exchange that waits for its parent.
type held struct {
	subject subject
	ex      Exchange
}

// maxFree bounds the held exchanges that are kept for later.
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

// Collect emits the metrics.
func (r *Recorder) Collect(_ context.Context, now time.Time) error {
	if r.metrics != nil {
		r.metrics.collect(r.set.Emit, r.set.Clock, pcommon.NewTimestampFromTime(now), r.gone)
	}
	return nil
}

func (r *Recorder) gone(i *probe.ProcessInfo) bool {
	return r.set.Processes != nil && r.set.Processes.Lookup(i.PID, i.StartTime) == nil
}

// Counts adds what the parsers saw and could not hand on.
func (r *Recorder) Counts(lost [probe.NumCauses]uint64) probe.Counts {
	c := r.counts
	c.Lost = lost
	c.Lost[probe.RingFull] += r.lost
	c.Seen += c.TotalLost()
	return c
}

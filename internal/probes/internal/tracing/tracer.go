// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// W3C trace flags and the bits of OTLP's span flags beside them.
const (
	FlagSampled  = 0x01
	FlagRandom   = 0x02
	FlagHasWhere = 0x100 // the bit FlagIsRemote is known
	FlagIsRemote = 0x200
)

// Identity is what a span gets from its place in a trace.
type Identity struct {
	correlate.Context
	Parent [8]byte
	Flags  uint32
}

// Write sets the IDs, flags and state of a span.
func (id *Identity) Write(s ptrace.Span) {
	s.SetTraceID(id.TraceID)
	s.SetSpanID(id.SpanID)
	s.SetParentSpanID(id.Parent)
	s.SetFlags(id.Flags)
	s.TraceState().FromRaw(id.State)
}

// Tracer belongs to one Instrument and is used on its goroutine.
type Tracer struct {
	// Correlator is the Daemon's.
	Correlator *correlate.Correlator
	// Admit tells whether a process may have another span. Nil admits all.
	Admit func(*probe.ProcessInfo) bool

	cfg     SamplingConfig
	sampler sampler
	shed    bool
	ids     IDs
	wire    correlate.Wire // for the call at hand
}

// New makes a Tracer. Its Correlator is set at Load.
func New(c SamplingConfig) *Tracer { return &Tracer{cfg: c, sampler: newSampler(c), ids: NewIDs()} }

// Shed leaves out a part of the traces that the configuration keeps, also of those of which
// their parent says that they are kept: all of them by the trace ID, so that what sheds the
// same keeps the same traces. 0 goes back to the configuration.
func (t *Tracer) Shed(drop float64) {
	c := t.cfg
	c.Ratio *= 1 - drop
	t.sampler, t.shed = newSampler(c), drop > 0
}

// PlaceIn is Place for an exchange of that process, which is also left out when the process
// has more spans than it may.
func (t *Tracer) PlaceIn(p *probe.ProcessInfo, role stream.Role, parent *correlate.Context, r *Remote, decided Decision) Identity {
	id := t.Place(role, parent, r, decided)
	if id.Sampled && t.Admit != nil && !t.Admit(p) {
		id.Sampled = false
		id.Flags &^= FlagSampled
	}
	return id
}

// Dropped tells that the kernel dropped the trace of an exchange. What the
// exchange itself says stands above that, which the kernel did not read.
func Dropped(decided Decision, r *Remote) bool { return decided == Drop && !r.Says() }

// Place gives an exchange of a client or server its IDs and decides on sampling.
// parent is the local parent or nil; r is what the exchange itself says, decided
// what the kernel did.
func (t *Tracer) Place(role stream.Role, parent *correlate.Context, r *Remote, decided Decision) (id Identity) {
	id.SpanID = t.ids.Span()
	switch {
	case parent != nil && (!r.Valid || r.TraceID == parent.TraceID):
		id.TraceID, id.Parent, id.State = parent.TraceID, parent.SpanID, parent.State
		id.Flags = FlagHasWhere
		// With parent_based false the trace's decision was made at its root,
		// which is the same for all of it.
		id.Sampled = parent.Sampled
	case r.Valid:
		id.TraceID, id.Parent, id.State = r.TraceID, r.SpanID, string(r.State)
		if role == stream.Server {
			id.Flags = FlagHasWhere | FlagIsRemote
		}
		t.decide(&id, r.Decided)
	default:
		id.TraceID = t.ids.Trace()
		if decided == Keep {
			t.sampler.keep(&id.TraceID)
		}
		id.Flags = FlagRandom
		t.decide(&id, r.Decided)
	}
	if id.Sampled {
		id.Flags |= FlagSampled
	}
	return id
}

func (t *Tracer) decide(id *Identity, d Decision) {
	if t.sampler.parentBased && (d == Drop || d == Keep && !t.shed) {
		id.Sampled = d == Keep
		return
	}
	id.Sampled, id.State = t.sampler.root(&id.TraceID, id.State)
}

// Reject is what part of 2^32 a root's trace is not kept.
func (t *Tracer) Reject() uint64 { return t.sampler.reject() }

// Subject is an exchange that ended. It is used during the call that it is
// given to only.
type Subject interface {
	// Finish makes the span, with the parent or nil, and returns its context.
	Finish(parent *correlate.Context) correlate.Context
	// Hold copies what Finish needs, and tells the size of the copy in bytes.
	Hold() (correlate.Held, int)
}

// Server finishes a server's exchange, or holds it until its parent is known.
// thread is where the connection is followed, or nil. wire, without its Seq, is
// nil when there is no other end on this host or the exchange names its parent.
func (t *Tracer) Server(thread *correlate.Conn, wire *correlate.Wire, x *correlate.Exchange, s Subject) {
	var parent correlate.Parent
	if wire != nil {
		t.wire = *wire
		t.wire.Seq = x.Seq
		parent = t.Correlator.OnWire(t.wire, x)
		if parent.Wait() {
			v, size := s.Hold()
			t.Correlator.HoldServer(thread, parent, t.wire, x, v, size)
			return
		}
	}
	ctx := s.Finish(parent.Context)
	if thread != nil {
		t.Correlator.ServerDone(thread, x, ctx)
	}
}

// Client finishes a client's exchange, or holds it until its parent is known.
// serving is the request that its thread served, zero when that is not known.
// wire, without its Seq, is nil when there is no other end on this host.
func (t *Tracer) Client(serving stream.Ref, wire *correlate.Wire, x *correlate.Exchange, s Subject) {
	if wire != nil {
		t.wire = *wire
		t.wire.Seq = x.Seq
		wire = &t.wire
	}
	var parent correlate.Parent
	if serving.Conn != 0 {
		parent = t.Correlator.InThread(serving.Conn, serving.Seq, x)
		if parent.Wait() {
			v, size := s.Hold()
			t.Correlator.HoldClient(parent, wire, x, v, size)
			return
		}
	}
	ctx := s.Finish(parent.Context)
	if wire != nil {
		t.Correlator.ClientDone(*wire, x, ctx)
	}
}

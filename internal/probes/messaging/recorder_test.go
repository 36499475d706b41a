// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// sink keeps what is emitted. Its clock is boot time.
type sink struct {
	probe.Emitter
	spans   ptrace.SpanSlice
	metrics pmetric.MetricSlice
}

func (s *sink) Span(*probe.ProcessInfo) ptrace.Span      { return s.spans.AppendEmpty() }
func (s *sink) Metric(*probe.ProcessInfo) pmetric.Metric { return s.metrics.AppendEmpty() }

type clock struct{}

func (clock) Time(boot uint64) time.Time              { return time.Unix(0, int64(boot)) }
func (clock) Now() uint64                             { return 0 }
func (clock) Timestamp(boot uint64) pcommon.Timestamp { return pcommon.Timestamp(boot) }

// bench is a recorder whose output is kept.
type bench struct {
	*recorder
	out     *sink
	process probe.ProcessInfo
}

func newBench(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	out := &sink{spans: ptrace.NewSpanSlice(), metrics: pmetric.NewMetricSlice()}
	r := newRecorder(probe.Settings{Signals: probe.Traces | probe.Metrics, Clock: clock{}, Emit: out}, cfg)
	r.tracer.Correlator = correlate.New(correlate.DefaultLimits())
	return &bench{recorder: r, out: out}
}

// conn gives one end of a connection, of remote peers if those are.
func (b *bench) conn(r stream.Role, server, client string) *Conn {
	c := &stream.Conn{ID: 1, Role: r, Process: &b.process, Local: netip.MustParseAddrPort(server), Remote: netip.MustParseAddrPort(client)}
	if r == stream.Client {
		c.Local, c.Remote = c.Remote, c.Local
	}
	return newConn(c, r, b.recorder)
}

func (b *bench) last() ptrace.Span { return b.out.spans.At(b.out.spans.Len() - 1) }

func operation(t Type) *Operation {
	return &Operation{
		System: "kind", Name: "name", Type: t, Destination: "there", Messages: 1, BodySize: 5, EnvelopeSize: -1,
		Start: 10, End: 20, Message: segment.Tag{TID: 7, Seq: 100}, ResponseTID: 7,
	}
}

func remote(id byte) tracing.Remote {
	return tracing.Remote{TraceID: [16]byte{15: id}, SpanID: [8]byte{7: id}, Valid: true, Decided: tracing.Keep}
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		role   stream.Role
		kind   Type
		traced bool
		want   ptrace.SpanKind
	}{
		{stream.Client, Send, false, ptrace.SpanKindProducer}, {stream.Client, Send, true, ptrace.SpanKindClient},
		{stream.Client, Process, false, ptrace.SpanKindConsumer}, {stream.Client, Receive, false, ptrace.SpanKindClient},
		{stream.Server, Send, false, ptrace.SpanKindServer}, {stream.Server, Process, true, ptrace.SpanKindServer},
	} {
		b := newBench(t, nil)
		op := operation(c.kind)
		if c.traced {
			op.Remote = remote(3)
		}
		b.record(b.conn(c.role, "10.0.0.1:1", "10.0.0.2:2"), op)
		s := b.last()
		assert.Equal(t, c.want, s.Kind(), c)
		assert.Equal(t, "name there", s.Name())
		if c.traced {
			assert.Equal(t, pcommon.TraceID{15: 3}, s.TraceID())
			assert.Equal(t, pcommon.SpanID{7: 3}, s.ParentSpanID())
		}
	}
}

func TestNames(t *testing.T) {
	b := newBench(t, nil)
	c := b.conn(stream.Client, "10.0.0.1:1", "10.0.0.2:2")
	for want, change := range map[string]func(*Operation){
		"name there":      func(*Operation) {},
		"name pattern.*":  func(op *Operation) { op.Template = "pattern.*" },
		"name":            func(op *Operation) { op.Temporary = true },
		"name 10.0.0.1:1": func(op *Operation) { op.Destination = "" },
	} {
		op := operation(Send)
		change(op)
		b.record(c, op)
		assert.Equal(t, want, b.last().Name())
	}
}

func TestBatch(t *testing.T) {
	b := newBench(t, nil)
	op := operation(Receive)
	op.Batch, op.Messages, op.Links, op.BodySize = true, 3, []tracing.Remote{remote(4), {}, remote(5)}, -1
	b.record(b.conn(stream.Client, "10.0.0.1:1", "10.0.0.2:2"), op)
	s := b.last()
	n, _ := s.Attributes().Get("messaging.batch.message_count")
	assert.EqualValues(t, 3, n.Int())
	require.Equal(t, 2, s.Links().Len(), "the message without a context has none")
	assert.Equal(t, pcommon.TraceID{15: 5}, s.Links().At(1).TraceID())
	assert.EqualValues(t, 0x301, s.Links().At(1).Flags())
	_, has := s.Attributes().Get("messaging.message.body.size")
	assert.False(t, has)
}

// What a broker pushes is the parent of what its consumer gets, whichever is known first.
func TestPushed(t *testing.T) {
	for _, brokerFirst := range []bool{true, false} {
		b := newBench(t, nil)
		broker, consumer := b.conn(stream.Server, "127.0.0.1:1", "127.0.0.1:2"), b.conn(stream.Client, "127.0.0.1:1", "127.0.0.1:2")
		sent, got := operation(Process), operation(Process)
		got.Start++
		if brokerFirst {
			b.record(broker, sent)
			b.record(consumer, got)
		} else {
			b.record(consumer, got)
			assert.Zero(t, b.out.spans.Len(), "it waits for its parent")
			b.record(broker, sent)
		}
		require.Equal(t, 2, b.out.spans.Len())
		parent, child := b.out.spans.At(0), b.out.spans.At(1)
		assert.Equal(t, ptrace.SpanKindServer, parent.Kind())
		assert.Equal(t, parent.SpanID(), child.ParentSpanID())
		assert.Equal(t, parent.TraceID(), child.TraceID())
		assert.EqualValues(t, 2, b.counts.Delivered)
	}
}

// Settlements are filtered, and nothing gets lost between the counters.
func TestAccount(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Sampling.Ratio = 0 })
	c := b.conn(stream.Client, "10.0.0.1:1", "10.0.0.2:2")
	for _, kind := range []Type{Send, Receive, Process, Settle} {
		b.record(c, operation(kind))
	}
	counts := b.account([probe.NumCauses]uint64{probe.Truncated: 2})
	assert.Equal(t, probe.Counts{Seen: 6, SampledOut: 3, Filtered: 1, Lost: [probe.NumCauses]uint64{probe.Truncated: 2}}, counts)
}

// docs/metrics.md names all that is emitted.
func TestMetricsAreDocumented(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Metrics.CardinalityLimit = 3 })
	for _, role := range []stream.Role{stream.Client, stream.Server} {
		c := b.conn(role, "10.0.0.1:1", "10.0.0.2:2")
		for _, kind := range []Type{Send, Receive, Process} {
			op := operation(kind)
			op.Group, op.ErrorType = "g", "e"
			b.record(c, op)
		}
		op := operation(Process)
		op.Template = "there.*"
		b.record(c, op)
	}
	b.metrics.collect(b.out, clock{}, 100, func(*probe.ProcessInfo) bool { return false })
	page, err := os.ReadFile("../../../docs/metrics.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n## messaging\n")
	require.True(t, found)
	total := map[string]int64{}
	for _, m := range b.out.metrics.All() {
		assert.Contains(t, section, "| `"+m.Name()+"` | `"+m.Unit()+"` |")
		check := func(attrs pcommon.Map) {
			for key := range attrs.All() {
				assert.Contains(t, section, "`"+key+"`", m.Name())
			}
		}
		if m.Type() == pmetric.MetricTypeSum {
			for _, p := range m.Sum().DataPoints().All() {
				check(p.Attributes())
				total[m.Name()] += p.IntValue()
			}
			continue
		}
		for _, p := range m.Histogram().DataPoints().All() {
			check(p.Attributes())
			total[m.Name()] += int64(p.Count())
		}
	}
	assert.Equal(t, map[string]int64{
		"messaging.client.operation.duration": 2, "messaging.client.sent.messages": 1, "messaging.client.consumed.messages": 3,
		BrokerDuration: 4, BrokerReceived: 1, BrokerDelivered: 3,
	}, total, "the overflow included")
}

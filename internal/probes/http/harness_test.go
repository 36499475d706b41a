// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/emit"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// epoch is boot time 0 on the wall clock of tests.
var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

type fakeClock struct{}

func (fakeClock) Time(boot uint64) time.Time { return epoch.Add(time.Duration(boot)) }
func (fakeClock) Now() uint64                { return 0 }
func (fakeClock) Timestamp(boot uint64) pcommon.Timestamp {
	return pcommon.Timestamp(uint64(epoch.UnixNano()) + boot)
}

// lookup is a table of processes.
type lookup map[uint32]*probe.ProcessInfo

func (l lookup) Lookup(pid uint32, _ uint64) *probe.ProcessInfo { return l[pid] }

// source is the Daemon socket as http sees it.
type source struct {
	probe.Probe
	correlator *correlate.Correlator
	registered []stream.Protocol
}

func (s *source) Correlator() *correlate.Correlator { return s.correlator }

func (s *source) Sample(stream.Sampling) error { return nil }

func (s *source) Register(p stream.Protocol) error {
	s.registered = append(s.registered, p)
	return nil
}

// bench is an instrument with pipelines that end in sinks.
type bench struct {
	t         testing.TB
	p         *instrument
	batcher   *emit.Batcher
	sender    *emit.Sender
	traces    *consumertest.TracesSink
	metrics   *consumertest.MetricsSink
	processes lookup
	nextConn  uint64
}

func newBench(t testing.TB, change func(*Config)) *bench {
	return newBenchFor(t, probe.Traces|probe.Metrics, change)
}

func newBenchFor(t testing.TB, signals probe.Signals, change func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, traces: new(consumertest.TracesSink), metrics: new(consumertest.MetricsSink), processes: lookup{}}
	set := emit.SenderSettings{Receiver: receivertest.NewNopSettings(metadata.Type)}
	if signals.Has(probe.Traces) {
		set.Traces = consumer.Traces(b.traces)
	}
	if signals.Has(probe.Metrics) {
		set.Metrics = consumer.Metrics(b.metrics)
	}
	var err error
	b.sender, err = emit.NewSender(set)
	require.NoError(t, err)
	b.sender.Start()
	t.Cleanup(func() { require.NoError(t, b.sender.Shutdown(context.Background())) })
	b.batcher = emit.NewBatcher(b.sender, emit.DefaultBatchConfig("0.0.1"))
	f := Factory()
	cfg := f.DefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	p, err := f.New(probe.Settings{
		Logger: zaptest.NewLogger(t), Signals: signals, Clock: fakeClock{}, Processes: b.processes,
		Emit: b.batcher.Emitter("github.com/ebpfreceiver/ebpfreceiver/http"),
	}, cfg)
	require.NoError(t, err)
	s := &source{correlator: correlate.New(correlate.DefaultLimits())}
	require.NoError(t, p.Load(context.Background(), &probe.Loading{Dependencies: map[string]probe.Probe{"socket": s}}))
	require.Len(t, s.registered, 2)
	b.p = p.(*instrument)
	return b
}

// process makes a selected process.
func (b *bench) process(name string) *probe.ProcessInfo {
	res := pcommon.NewResource()
	res.Attributes().PutStr("service.name", name)
	p := &probe.ProcessInfo{PID: uint32(100 + len(b.processes)), StartTime: 1, Resource: res, ServiceName: name}
	b.processes[p.PID] = p
	return p
}

// conn is one end of a connection.
type conn struct {
	b *bench
	c *stream.Conn
	h stream.Handler
}

func (b *bench) conn(p *probe.ProcessInfo, role stream.Role, local, remote string) *conn {
	b.nextConn++
	c := &stream.Conn{
		ID: b.nextConn, Role: role, Proto: stream.ProtoHTTP1, Process: p, NetNS: 7,
		Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote),
	}
	return &conn{b, c, b.p.Open(c)}
}

// message is a segment of text at a time in ms.
type message struct {
	dir        stream.Direction
	text       string
	at, until  uint64
	seq, tid   uint32
	parent     stream.Ref
	truncateTo int
}

func (c *conn) send(m message) {
	data := []byte(strings.ReplaceAll(m.text, "\n", "\r\n"))
	s := stream.Segment{Dir: m.dir, Segment: segment.Segment{
		Data: data, Len: int64(len(data)), Start: m.at * 1e6, End: max(m.at, m.until) * 1e6,
		Tag: segment.Tag{TID: m.tid, Seq: m.seq, Parent: m.parent},
	}}
	if m.truncateTo > 0 {
		s.Data = data[:m.truncateTo]
	}
	c.h.Segment(&s)
}

// exchange is a request with its response, as the conn's process sees it.
func (c *conn) exchange(from, to uint64, seq, tid uint32, parent stream.Ref, request, response string) {
	in, out := stream.Receive, stream.Send
	if c.c.Role == stream.Client {
		in, out = out, in
	}
	c.send(message{dir: in, text: request, at: from, seq: seq, tid: tid, parent: parent})
	c.send(message{dir: out, text: response, at: to, seq: 5000 + seq, tid: tid})
}

const (
	get = "GET /a HTTP/1.1\nHost: shop.example\n\n"
	ok  = "HTTP/1.1 200 OK\nContent-Length: 0\n\n"
)

// flush hands all on and returns the spans by service name.
func (b *bench) flush() map[string][]ptrace.Span {
	b.p.tracer.Correlator.Flush()
	return b.emitted()
}

// emitted returns the spans so far.
func (b *bench) emitted() map[string][]ptrace.Span {
	b.batcher.Flush()
	b.settle(func() emit.Totals { return b.account().Traces.Totals() })
	out := map[string][]ptrace.Span{}
	for _, td := range b.traces.AllTraces() {
		for _, r := range td.ResourceSpans().All() {
			name, _ := r.Resource().Attributes().Get("service.name")
			for _, ss := range r.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					out[name.Str()] = append(out[name.Str()], s)
				}
			}
		}
	}
	return out
}

func (b *bench) account() *emit.Account {
	return b.sender.Account("github.com/ebpfreceiver/ebpfreceiver/http")
}

// settle waits until nothing is in flight.
func (b *bench) settle(totals func() emit.Totals) {
	require.Eventually(b.t, func() bool { return totals().InFlight == 0 }, 10*time.Second, time.Millisecond)
}

// collect returns the metrics of one collection, by service name and metric name.
func (b *bench) collect(at time.Time) map[string]pmetric.Metric {
	b.metrics.Reset()
	require.NoError(b.t, b.p.Collect(context.Background(), at))
	b.batcher.Flush()
	b.settle(func() emit.Totals { return b.account().Metrics.Totals() })
	out := map[string]pmetric.Metric{}
	for _, md := range b.metrics.AllMetrics() {
		for _, r := range md.ResourceMetrics().All() {
			name, _ := r.Resource().Attributes().Get("service.name")
			for _, sm := range r.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					out[name.Str()+"/"+m.Name()] = m
				}
			}
		}
	}
	return out
}

// attribute returns an attribute as text, "" when it is absent.
func attribute(m pcommon.Map, key string) string {
	v, ok := m.Get(key)
	if !ok {
		return ""
	}
	return v.AsString()
}

// requireBalanced checks the account: nothing is held.
func (b *bench) requireBalanced() {
	b.t.Helper()
	c := b.p.Counts()
	require.Equal(b.t, c.Seen, c.Delivered+c.SampledOut+c.Filtered+c.TotalLost()+uint64(b.p.tracer.Correlator.Held()))
}

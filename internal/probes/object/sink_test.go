// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"encoding/binary"
	"math"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// clockOfTest stands still.
type clockOfTest struct{}

func (clockOfTest) Time(boot uint64) time.Time              { return time.Unix(0, int64(boot)) }
func (clockOfTest) Timestamp(boot uint64) pcommon.Timestamp { return pcommon.Timestamp(boot) }
func (clockOfTest) Now() uint64                             { return 1 }

// emitted takes telemetry.
type emitted struct {
	probe.Emitter
	logs    plog.LogRecordSlice
	spans   ptrace.SpanSlice
	metrics pmetric.MetricSlice
	of      []*probe.ProcessInfo
}

func newEmitted() *emitted {
	return &emitted{logs: plog.NewLogRecordSlice(), spans: ptrace.NewSpanSlice(), metrics: pmetric.NewMetricSlice()}
}

func (e *emitted) LogRecord(p *probe.ProcessInfo) plog.LogRecord {
	e.of = append(e.of, p)
	return e.logs.AppendEmpty()
}
func (e *emitted) Span(p *probe.ProcessInfo) ptrace.Span {
	e.of = append(e.of, p)
	return e.spans.AppendEmpty()
}
func (e *emitted) Metric(p *probe.ProcessInfo) pmetric.Metric {
	e.of = append(e.of, p)
	return e.metrics.AppendEmpty()
}

// known are processes by their IDs.
type known map[uint32]*probe.ProcessInfo

func (k known) Recent(pid uint32) *probe.ProcessInfo           { return k[pid] }
func (k known) Lookup(pid uint32, _ uint64) *probe.ProcessInfo { return k[pid] }

func specOf(t testing.TB, name string) *ebpf.CollectionSpec {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + "_bpfel.o")
	require.NoError(t, err)
	spec, err := Parse(data)
	require.NoError(t, err)
	return spec
}

// instrumentOf compiles a section without loading anything.
func instrumentOf(t testing.TB, object, section string, processes known) (*Instrument, *emitted) {
	t.Helper()
	cfg, err := configure(t, object, section)
	require.NoError(t, err)
	p, err := newPlan(cfg, specOf(t, object))
	require.NoError(t, err)
	e := newEmitted()
	i := newInstrument(cfg, nil, probe.Settings{
		Logger: zaptest.NewLogger(t), Clock: clockOfTest{}, Emit: e, Signals: probe.Traces | probe.Metrics | probe.Logs, Processes: processes,
	})
	i.v, i.processes = &variant{plan: p}, processes
	for _, o := range p.outputs {
		i.sinks = append(i.sinks, newSink(o, i.shared, cfg.Limits.Cardinality, 7))
	}
	i.now = time.Now()
	i.limit.renew(i.now)
	return i, e
}

// run is a record of the object "runs".
func run(pid, parent uint32, start, end uint64, status int32) []byte {
	b := make([]byte, 48)
	binary.LittleEndian.PutUint64(b, start)
	binary.LittleEndian.PutUint64(b[8:], end)
	binary.LittleEndian.PutUint32(b[16:], pid)
	binary.LittleEndian.PutUint32(b[20:], parent)
	binary.LittleEndian.PutUint32(b[24:], uint32(status))
	copy(b[28:], "job")
	return b
}

func balanced(t testing.TB, c probe.Counts) {
	t.Helper()
	assert.Equal(t, c.Seen, c.Delivered+c.Filtered+c.SampledOut+c.TotalLost(), "%+v", c)
}

const spans = `{outputs: [{map: runs, clock: wall, process: id.pid, attributes: {},
  span: {name: "run {comm}", kind: server, start: start, end: end, error: status, error_if: not_zero,
  trace_key: [id.parent], span_key: [id.pid], parent_key: [id.parent]}}]}`

func TestSpansFindTheirParents(t *testing.T) {
	i, e := instrumentOf(t, "runs", spans, known{1: {PID: 1}, 2: {PID: 2}, 3: {PID: 3}})
	for _, r := range [][]byte{run(2, 1, 10, 20, 0), run(3, 1, 11, 15, 4), run(1, 0, 5, 30, 0)} {
		i.handle(input{sink: i.sinks[0]}, r, true)
	}
	require.Equal(t, 3, e.spans.Len())
	two, three, one := e.spans.At(0), e.spans.At(1), e.spans.At(2)
	assert.Equal(t, "run job", two.Name())
	assert.Equal(t, ptrace.SpanKindServer, two.Kind())
	assert.Equal(t, pcommon.Timestamp(10), two.StartTimestamp())
	assert.Equal(t, pcommon.Timestamp(20), two.EndTimestamp())
	assert.Equal(t, two.TraceID(), three.TraceID())
	assert.NotEqual(t, two.SpanID(), three.SpanID())
	assert.Equal(t, one.SpanID(), two.ParentSpanID())
	assert.Equal(t, one.SpanID(), three.ParentSpanID())
	assert.Equal(t, ptrace.StatusCodeError, three.Status().Code())
	assert.Equal(t, map[string]any{"error.type": "4"}, three.Attributes().AsRaw())
	balanced(t, i.Counts())
}

// Two times of three, or a duration alone, tell when a span was.
func TestTimesOfSpans(t *testing.T) {
	for times, want := range map[string][2]pcommon.Timestamp{
		"start: start, end: end":                               {5_000, 30_000},
		"start: start, duration: status":                       {5_000, 5_000 + 8},
		"start: start, duration: status, duration_unit: us":    {5_000, 5_000 + 8_000},
		"end: end, duration: status, duration_unit: us":        {30_000 - 8_000, 30_000},
		"duration: status":                                     {30_000 - 8, 30_000},
		"end: end, duration: status, duration_unit: ms":        {0, 30_000},
		"start: end, end: start":                               {30_000, 30_000}, // never negative
		"start: start, duration: id.parent, duration_unit: ns": {5_000, 5_000},
	} {
		i, e := instrumentOf(t, "runs", "{outputs: [{map: runs, clock: wall, timestamp: end, process: none, attributes: {}, span: {name: x, "+times+"}}]}", nil)
		i.handle(input{sink: i.sinks[0]}, run(2, 0, 5_000, 30_000, 8), true)
		require.Equal(t, 1, e.spans.Len())
		s := e.spans.At(0)
		assert.Equal(t, want, [2]pcommon.Timestamp{s.StartTimestamp(), s.EndTimestamp()}, times)
	}
}

// IDs may be in the record, as the bytes that they are.
func TestIDsOfSpans(t *testing.T) {
	i, e := instrumentOf(t, "runs", `{outputs: [{map: runs, clock: wall, process: none, attributes: {},
  span: {name: x, start: start, end: end, trace_id: comm, span_id: start, parent_id: end}}]}`, nil)
	i.handle(input{sink: i.sinks[0]}, run(2, 0, 0x0102, 0x0304, 8), true)
	i.handle(input{sink: i.sinks[0]}, run(2, 0, 0, 0, 8), true)
	require.Equal(t, 2, e.spans.Len())
	s := e.spans.At(0)
	assert.Equal(t, pcommon.TraceID{'j', 'o', 'b'}, s.TraceID())
	assert.Equal(t, pcommon.SpanID{2, 1}, s.SpanID())
	assert.Equal(t, pcommon.SpanID{4, 3}, s.ParentSpanID())
	assert.False(t, e.spans.At(1).SpanID().IsEmpty(), "what is 0 is made")
	assert.True(t, e.spans.At(1).ParentSpanID().IsEmpty(), "0 means that there is none")
}

// What is too short, too much or of nobody is counted.
func TestRecordsAreAccountedFor(t *testing.T) {
	i, e := instrumentOf(t, "runs", spans, known{1: {PID: 1}})
	k := i.sinks[0]
	full := run(1, 0, 5, 30, 0)
	for n := range full {
		i.handle(input{sink: k}, full[:n], true)
	}
	// Only the text at the end may be cut.
	assert.EqualValues(t, 28, i.Counts().Lost[probe.Truncated])
	assert.EqualValues(t, 20, i.Counts().Delivered)
	balanced(t, i.Counts())

	i.handle(input{sink: k}, run(9, 0, 5, 30, 0), true)
	assert.Len(t, i.late, 1, "it may be known soon")
	i.processes.(known)[9] = &probe.ProcessInfo{PID: 9}
	i.handle(input{sink: k}, run(10, 0, 5, 30, 0), true)
	i.Tick(0)
	assert.EqualValues(t, 21, i.Counts().Delivered)
	assert.EqualValues(t, 1, i.Counts().Filtered)
	assert.EqualValues(t, 9, e.of[len(e.of)-1].PID)
	balanced(t, i.Counts())
	for range 2 * maxLate {
		i.handle(input{sink: k}, run(11, 0, 5, 30, 0), true)
	}
	assert.Len(t, i.late, maxLate, "those that wait are bounded")
	i.Flush()
	assert.EqualValues(t, 2*maxLate+1, i.Counts().Filtered)
	balanced(t, i.Counts())

	i.limit.left = 3
	for range 10 {
		i.handle(input{sink: k}, full, true)
	}
	assert.EqualValues(t, 7, i.Counts().Lost[probe.Overflow])
	balanced(t, i.Counts())
}

func TestLimiter(t *testing.T) {
	l := limiter{limit: 1000}
	now := time.Now()
	l.renew(now)
	for range 1000 {
		assert.True(t, l.allow())
	}
	assert.False(t, l.allow())
	l.renew(now.Add(10 * time.Millisecond))
	assert.EqualValues(t, 10, l.left)
	l.renew(now.Add(time.Hour))
	assert.EqualValues(t, 1000, l.left)
}

func TestCardinalityIsBounded(t *testing.T) {
	i, e := instrumentOf(t, "runs", `{limits: {cardinality: 2}, outputs: [
  {map: runs, process: none, attributes: {id.pid: pid}, metric: {name: n, type: sum}},
  {map: runs, process: none, attributes: {id.pid: pid}, metric: {name: last, type: gauge, value: status}},
  {map: runs, process: none, attributes: {}, metric: {name: took, type: histogram, value: end, scale: 0.5, buckets: [1, 10]}},
  {map: runs, process: none, attributes: {}, metric: {name: took.exactly, type: exponential_histogram, value: end}}]}`, nil)
	for pid := range uint32(5) {
		for _, k := range i.sinks {
			i.handle(input{sink: k}, run(pid, 0, 5, uint64(pid)*10, int32(pid)), true)
		}
	}
	require.NoError(t, i.Collect(t.Context(), time.Unix(0, 9)))
	require.Equal(t, 4, e.metrics.Len())
	exp := e.metrics.At(3).ExponentialHistogram().DataPoints().At(0)
	assert.EqualValues(t, 5, exp.Count())
	assert.EqualValues(t, 1, exp.ZeroCount())
	assert.EqualValues(t, 100, exp.Sum())
	sums := map[any]int64{}
	for _, p := range e.metrics.At(0).Sum().DataPoints().All() {
		pid, ok := p.Attributes().Get("pid")
		if !ok {
			pid, _ = p.Attributes().Get("otel.metric.overflow")
		}
		sums[pid.AsRaw()] = p.IntValue()
		assert.Equal(t, pcommon.Timestamp(7), p.StartTimestamp())
	}
	assert.Equal(t, map[any]int64{int64(0): 1, int64(1): 1, true: 3}, sums)
	assert.Equal(t, 2, e.metrics.At(1).Gauge().DataPoints().Len())
	h := e.metrics.At(2).Histogram().DataPoints().At(0)
	assert.Equal(t, []uint64{1, 2, 2}, h.BucketCounts().AsRaw()) // 0; 5, 10; 15, 20
	assert.EqualValues(t, 50, h.Sum())
	c := i.Counts()
	assert.EqualValues(t, 3, c.Lost[probe.Overflow], "gauges beyond the limit")
	balanced(t, c)
}

// A process that has ended is told of once more, and then no longer.
func TestSeriesEndWithTheirProcess(t *testing.T) {
	processes := known{1: {PID: 1}}
	i, e := instrumentOf(t, "runs", `{outputs: [{map: runs, process: id.pid, attributes: {}, metric: {name: n, type: sum}}]}`, processes)
	i.handle(input{sink: i.sinks[0]}, run(1, 0, 5, 30, 0), true)
	delete(processes, 1)
	for range 3 {
		require.NoError(t, i.Collect(t.Context(), time.Unix(0, 9)))
	}
	assert.Equal(t, 1, e.metrics.Len())
}

func TestSlots(t *testing.T) {
	p := &metricPlan{cfg: &Metric{Name: "h", Type: Histogram, SlotScale: Linear, SlotWidth: 10, Scale: 0.1}}
	tb := newTable(p, 10, 1)
	m := pmetric.NewMetric()
	tb.slots(m, &series{attributes: pcommon.NewMap(), slots: []uint64{1, 0, 4}}, 2)
	h := m.Histogram().DataPoints().At(0)
	assert.EqualValues(t, 5, h.Count())
	assert.False(t, h.HasSum())
	assert.InDeltaSlice(t, []float64{0.9, 1.9}, h.ExplicitBounds().AsRaw(), 1e-9)
	assert.Equal(t, float64(1), (&Metric{}).bound(0))
	assert.Equal(t, float64(7), (&Metric{}).bound(2))
}

func TestEncodeConstants(t *testing.T) {
	spec := specOf(t, "execlog")
	require.NoError(t, setConstant(spec, "only_uid", 33))
	assert.Equal(t, []byte{33, 0, 0, 0}, spec.Variables["only_uid"].Value)
	require.NoError(t, setConstant(spec, "only_uid", math.MaxUint32))
	require.NoError(t, setConstant(spec, "without", "BY_ROOT"))
	assert.Equal(t, []byte{2, 0, 0, 0}, spec.Variables["without"].Value)
	assert.EqualError(t, setConstant(spec, "only_uid", math.MaxUint32+1), "4294967296 is out of the range of u32")
	assert.EqualError(t, setConstant(spec, "only_uid", 1.5), "it is of the type u32, and 1.5 is none")
}

// The options of the kernel that an object asks for are among its needs.
func TestNeedsOfOptions(t *testing.T) {
	needs, err := compat.Needs(specOf(t, "python"), nil)
	require.NoError(t, err)
	var options []string
	for _, n := range needs {
		if n.Kind == compat.KindOption {
			options = append(options, n.Name)
		}
	}
	assert.Equal(t, []string{"LINUX_HAS_BPF_COOKIE"}, options)
}

func BenchmarkLogRecord(b *testing.B) {
	i, e := instrumentOf(b, "runs", `{outputs: [{map: runs, process: none, log: {name: run}}], limits: {events_per_second: 4294967295}}`, nil)
	rec := run(1, 2, 3, 4, 5)
	b.ReportAllocs()
	for b.Loop() {
		i.handle(input{sink: i.sinks[0]}, rec, true)
		if e.logs.Len() == 512 {
			e.logs, e.of = plog.NewLogRecordSlice(), e.of[:0]
		}
	}
}

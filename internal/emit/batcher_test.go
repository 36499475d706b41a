// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
)

func TestBatchIsGroupedByResourceAndScope(t *testing.T) {
	sink := new(consumertest.TracesSink)
	s := newSender(t, func(set *SenderSettings) { set.Traces = sink })
	s.Start()
	b := NewBatcher(s, DefaultBatchConfig("1.2.3"))
	http, redis := b.Emitter("http"), b.Emitter("redis")
	p, q := process("p"), process("q")
	http.Span(p).SetName("1")
	http.Span(q).SetName("2")
	redis.Span(p).SetName("3")
	http.Span(p).SetName("4")
	http.Span(nil).SetName("5")
	b.Flush()
	require.NoError(t, s.Shutdown(context.Background()))

	require.Len(t, sink.AllTraces(), 1)
	rs := sink.AllTraces()[0].ResourceSpans()
	got := map[string][]string{}
	for _, r := range rs.All() {
		assert.Equal(t, semconv.SchemaURL, r.SchemaUrl())
		name := "-"
		if v, ok := r.Resource().Attributes().Get("service.name"); ok {
			name = v.Str()
		}
		for _, ss := range r.ScopeSpans().All() {
			assert.Equal(t, "1.2.3", ss.Scope().Version())
			for _, span := range ss.Spans().All() {
				key := name + "/" + ss.Scope().Name()
				got[key] = append(got[key], span.Name())
			}
		}
	}
	assert.Equal(t, map[string][]string{"p/http": {"1", "4"}, "p/redis": {"3"}, "q/http": {"2"}, "-/http": {"5"}}, got)
	assert.Equal(t, 3, rs.Len(), "one resource for each process")
}

func TestBatchIsFullAtItsSize(t *testing.T) {
	sink := new(consumertest.TracesSink)
	s := newSender(t, func(set *SenderSettings) { set.Traces = sink })
	s.Start()
	b := NewBatcher(s, BatchConfig{Size: 4, FlushInterval: time.Second})
	e := b.Emitter(scopeHTTP)
	p := process("p")
	for range 10 {
		e.Span(p)
	}
	b.Flush()
	b.Flush()
	require.NoError(t, s.Shutdown(context.Background()))
	var sizes []int
	for _, td := range sink.AllTraces() {
		sizes = append(sizes, td.SpanCount())
	}
	assert.Equal(t, []int{4, 4, 2}, sizes)
}

func TestFlushIfDue(t *testing.T) {
	s := newSender(t, func(set *SenderSettings) { set.Traces = new(consumertest.TracesSink) })
	b := NewBatcher(s, BatchConfig{Size: 4, FlushInterval: 100})
	e := b.Emitter(scopeHTTP)
	b.FlushIfDue(1000)
	e.Span(process("p"))
	b.FlushIfDue(1010)
	b.FlushIfDue(1109)
	assert.Empty(t, s.traces.queue)
	b.FlushIfDue(1110)
	assert.Len(t, s.traces.queue, 1)
	e.Span(process("p"))
	b.FlushIfDue(2000)
	assert.Len(t, s.traces.queue, 1, "the new batch has its own time")
	require.Error(t, s.Shutdown(context.Background()))
}

func TestMetricsCountPoints(t *testing.T) {
	sink := new(consumertest.MetricsSink)
	s := newSender(t, func(set *SenderSettings) { set.Metrics = sink })
	s.Start()
	b := NewBatcher(s, DefaultBatchConfig("v"))
	http, redis := b.Emitter("http"), b.Emitter("redis")
	p := process("p")
	for _, n := range []int{1, 2} {
		h := http.Metric(p).SetEmptyHistogram()
		for range n {
			h.DataPoints().AppendEmpty()
		}
	}
	http.Metric(p).SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	http.Metric(p).SetEmptySum().DataPoints().AppendEmpty()
	redis.Metric(p).SetEmptyGauge().DataPoints().AppendEmpty()
	redis.Metric(p).SetEmptySummary().DataPoints().AppendEmpty()
	b.Flush()
	require.NoError(t, s.Shutdown(context.Background()))
	assert.Equal(t, 7, sink.DataPointCount())
	assert.Equal(t, Totals{Emitted: 5, Delivered: 5}, s.Account("http").Metrics.Totals())
	assert.Equal(t, Totals{Emitted: 2, Delivered: 2}, s.Account("redis").Metrics.Totals())
}

func TestSignalWithoutPipelineIsDiscarded(t *testing.T) {
	s := newSender(t, func(*SenderSettings) {})
	s.Start()
	b := NewBatcher(s, DefaultBatchConfig("v"))
	e := b.Emitter(scopeHTTP)
	p := process("p")
	e.Span(p).SetName("x")
	e.LogRecord(p).SetEventName("x")
	e.Metric(p).SetName("x")
	b.FlushIfDue(1)
	b.Flush()
	require.NoError(t, s.Shutdown(context.Background()))
	a := s.Account(scopeHTTP)
	assert.Equal(t, Totals{}, a.Traces.Totals())
	assert.Equal(t, Totals{}, a.Logs.Totals())
	assert.Equal(t, Totals{}, a.Metrics.Totals())
}

func TestRetryConfigValidate(t *testing.T) {
	c := DefaultRetryConfig()
	require.NoError(t, c.Validate())
	bad := RetryConfig{Enabled: true, InitialInterval: 0, MaxInterval: -1, MaxElapsedTime: -1}
	require.EqualError(t, bad.Validate(), "initial_interval: must be greater than 0\n"+
		"max_interval: must not be less than initial_interval\nmax_elapsed_time: must not be negative")
	bad.Enabled = false
	require.NoError(t, bad.Validate())
}

func BenchmarkSpan(bench *testing.B) {
	s := newSender(bench, func(set *SenderSettings) {
		set.Traces = traceConsumer(bench, func(context.Context, ptrace.Traces) error { return nil })
	})
	s.Start()
	b := NewBatcher(s, DefaultBatchConfig("v"))
	e := b.Emitter(scopeHTTP)
	p := process("p")
	bench.ReportAllocs()
	for bench.Loop() {
		e.Span(p)
	}
	b.Flush()
	require.NoError(bench, s.Shutdown(context.Background()))
}

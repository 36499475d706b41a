// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

func text(m pcommon.Map) string {
	var out []string
	for k, v := range m.All() {
		out = append(out, k+"="+v.AsString())
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

func respond(status int) string { return fmt.Sprintf("HTTP/1.1 %d X\nContent-Length: 0\n\n", status) }

func TestDurationMetrics(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Routes = []string{"/a"}
		c.Sampling.Ratio = 0 // metrics do not care
	})
	p := b.process("s")
	server := b.conn(p, stream.Server, "10.0.0.1:80", "10.0.0.2:999")
	client := b.conn(p, stream.Client, "10.0.0.1:999", "10.0.0.3:80")
	server.exchange(1000, 1005, 1, 1, stream.Ref{}, get, ok) // 5 ms: in the first bucket, whose bound is inclusive
	server.exchange(1010, 1040, 2, 1, stream.Ref{}, get, ok)
	server.exchange(1100, 12100, 3, 1, stream.Ref{}, get, respond(500))
	client.exchange(1000, 1001, 1, 1, stream.Ref{}, get, respond(404))
	client.send(message{dir: stream.Send, text: get, at: 2000})
	client.h.Close(stream.Reset, 2002e6)

	now := epoch.Add(time.Minute)
	got := b.collect(now)
	require.Len(t, got, 2)
	m := got["s/http.server.request.duration"]
	assert.Equal(t, "s", m.Unit())
	assert.Equal(t, pmetric.AggregationTemporalityCumulative, m.Histogram().AggregationTemporality())
	points := m.Histogram().DataPoints()
	require.Equal(t, 2, points.Len())
	one := points.At(0)
	assert.Equal(t, "[http.request.method=GET http.response.status_code=200 http.route=/a network.protocol.version=1.1 url.scheme=http]", text(one.Attributes()))
	assert.Equal(t, []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}, one.ExplicitBounds().AsRaw())
	assert.Equal(t, []uint64{1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, one.BucketCounts().AsRaw())
	assert.InDelta(t, 0.035, one.Sum(), 1e-12)
	assert.InDelta(t, 0.005, one.Min(), 1e-12)
	assert.InDelta(t, 0.030, one.Max(), 1e-12)
	assert.Equal(t, fakeClock{}.Timestamp(1000e6), one.StartTimestamp())
	assert.Equal(t, pcommon.NewTimestampFromTime(now), one.Timestamp())
	assert.Zero(t, one.Exemplars().Len(), "no span was sampled")
	assert.Equal(t, "[error.type=500 http.request.method=GET http.response.status_code=500 http.route=/a network.protocol.version=1.1 url.scheme=http]", text(points.At(1).Attributes()))
	assert.EqualValues(t, 1, points.At(1).BucketCounts().At(14), "beyond the last bound")

	points = got["s/http.client.request.duration"].Histogram().DataPoints()
	require.Equal(t, 2, points.Len())
	assert.Equal(t, "[error.type=404 http.request.method=GET http.response.status_code=404 network.protocol.version=1.1 server.address=shop.example server.port=80 url.scheme=http]", text(points.At(0).Attributes()))
	assert.Equal(t, "[error.type=connection_reset http.request.method=GET network.protocol.version=1.1 server.address=shop.example server.port=80 url.scheme=http]", text(points.At(1).Attributes()))

	server.exchange(13000, 13005, 4, 1, stream.Ref{}, get, ok)
	one = b.collect(now.Add(time.Minute))["s/http.server.request.duration"].Histogram().DataPoints().At(0)
	assert.EqualValues(t, 3, one.Count(), "cumulative")
	assert.Equal(t, fakeClock{}.Timestamp(1000e6), one.StartTimestamp())
	b.requireBalanced()
}

func TestBodySizeMetricsAreOptIn(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Metrics.BodySizes = true })
	conn := b.conn(b.process("s"), stream.Server, "10.0.0.1:80", "10.0.0.2:999")
	conn.exchange(1, 2, 1, 1, stream.Ref{}, "POST /a HTTP/1.1\nContent-Length: 100\n\n"+string(make([]byte, 100)), ok)
	got := b.collect(epoch)
	require.Len(t, got, 3)
	for name, want := range map[string]float64{"request": 100, "response": 0} {
		m := got["s/http.server."+name+".body.size"]
		assert.Equal(t, "By", m.Unit())
		assert.Equal(t, want, m.Histogram().DataPoints().At(0).Sum())
		assert.EqualValues(t, 1, m.Histogram().DataPoints().At(0).Count())
	}
}

func TestExemplarsLinkToSampledSpans(t *testing.T) {
	for _, kind := range []aggregate.Kind{HistogramExplicit, HistogramExponential} {
		t.Run(string(kind), func(t *testing.T) {
			b := newBench(t, func(c *Config) { c.Metrics.Histogram = kind })
			conn := b.conn(b.process("s"), stream.Server, "10.0.0.1:80", "10.0.0.2:999")
			for i := range uint64(100) {
				conn.exchange(10+10*i, 17+10*i, uint32(i), 1, stream.Ref{}, get, ok)
			}
			spans := b.emitted()["s"]
			require.Len(t, spans, 100)
			last := spans[99]
			exemplars := func() pmetric.ExemplarSlice {
				m := b.collect(epoch)["s/http.server.request.duration"]
				if kind == HistogramExplicit {
					return m.Histogram().DataPoints().At(0).Exemplars()
				}
				return m.ExponentialHistogram().DataPoints().At(0).Exemplars()
			}
			es := exemplars()
			want := 1 // all in one bucket
			if kind == HistogramExponential {
				want = 4
			}
			require.Equal(t, want, es.Len())
			e := es.At(want - 1)
			assert.Equal(t, last.TraceID(), e.TraceID())
			assert.Equal(t, last.SpanID(), e.SpanID())
			assert.Equal(t, last.EndTimestamp(), e.Timestamp())
			assert.InDelta(t, 0.007, e.DoubleValue(), 1e-12)
			assert.Zero(t, exemplars().Len(), "only new ones the next time")
		})
	}
}

func TestCardinalityIsBounded(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Metrics.CardinalityLimit = 3
		c.Metrics.ServerAddress = true
	})
	p := b.process("s")
	conn := b.conn(p, stream.Server, "10.0.0.1:80", "10.0.0.2:999")
	for i := range uint64(10) {
		conn.exchange(10*i, 10*i+7, uint32(i), 1, stream.Ref{}, fmt.Sprintf("GET / HTTP/1.1\nHost: h%d\n\n", i), ok)
	}
	// The other side and another process have their own room.
	b.conn(p, stream.Client, "10.0.0.1:999", "10.0.0.3:80").exchange(1, 2, 1, 1, stream.Ref{}, get, ok)
	b.conn(b.process("q"), stream.Server, "10.0.0.1:81", "10.0.0.2:999").exchange(1, 2, 1, 1, stream.Ref{}, get, ok)
	got := b.collect(epoch)
	points := got["s/http.server.request.duration"].Histogram().DataPoints()
	require.Equal(t, 4, points.Len())
	assert.Equal(t, "[otel.metric.overflow=true]", text(points.At(3).Attributes()))
	assert.EqualValues(t, 7, points.At(3).Count())
	assert.EqualValues(t, 7, b.p.metrics.table.Overflowed)
	assert.NotContains(t, text(got["s/http.client.request.duration"].Histogram().DataPoints().At(0).Attributes()), "overflow")
	assert.NotContains(t, text(got["q/http.server.request.duration"].Histogram().DataPoints().At(0).Attributes()), "overflow")
}

func TestSeriesOfExitedProcessesAreRetired(t *testing.T) {
	b := newBench(t, nil)
	p := b.process("s")
	conn := b.conn(p, stream.Server, "10.0.0.1:80", "10.0.0.2:999")
	conn.exchange(1, 2, 1, 1, stream.Ref{}, get, ok)
	require.Len(t, b.collect(epoch), 1)
	delete(b.processes, p.PID)
	require.Len(t, b.collect(epoch), 1, "a last time")
	require.Empty(t, b.collect(epoch))
	conn.exchange(5000, 5001, 2, 1, stream.Ref{}, get, ok) // a record that came late
	m := b.collect(epoch)["s/http.server.request.duration"].Histogram().DataPoints().At(0)
	assert.EqualValues(t, 1, m.Count())
	assert.Equal(t, fakeClock{}.Timestamp(5000e6), m.StartTimestamp(), "a new start")
}

func TestSignalsWithoutPipeline(t *testing.T) {
	b := newBenchFor(t, probe.Metrics, nil)
	conn := b.conn(b.process("s"), stream.Server, nginxAddr, pythonPort)
	conn.exchange(1, 2, 1, 1, stream.Ref{}, get, ok)
	assert.EqualValues(t, 1, b.p.Counts().Delivered)
	assert.Len(t, b.collect(epoch), 1)
	assert.Empty(t, b.flush())

	b = newBenchFor(t, probe.Traces, nil)
	b.conn(b.process("s"), stream.Server, "10.0.0.1:80", "10.0.0.2:999").exchange(1, 2, 1, 1, stream.Ref{}, get, ok)
	assert.Len(t, b.flush()["s"], 1)
	assert.Empty(t, b.collect(epoch))
}

// shifted is a wall clock that was set.
type shifted struct {
	fakeClock
	by time.Duration
}

func (c shifted) Timestamp(boot uint64) pcommon.Timestamp {
	return c.fakeClock.Timestamp(boot) + pcommon.Timestamp(c.by)
}

// A start time that moves is a new series to whoever receives it.
func TestStartTimeStaysWhenTheClockIsSet(t *testing.T) {
	b := newBench(t, nil)
	server := b.conn(b.process("s"), stream.Server, "10.0.0.1:80", "10.0.0.2:999")
	server.exchange(1000, 1005, 1, 1, stream.Ref{}, get, ok)
	for _, by := range []time.Duration{0, 1, time.Hour} {
		b.p.clock = shifted{by: by}
		p := b.collect(epoch.Add(time.Minute))["s/http.server.request.duration"].Histogram().DataPoints().At(0)
		assert.Equal(t, fakeClock{}.Timestamp(1000e6), p.StartTimestamp(), "clock set by %s", by)
	}
}

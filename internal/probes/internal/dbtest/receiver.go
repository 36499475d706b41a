// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

// Package dbtest helps live tests of Instruments: a receiver with sinks, and real
// servers as children of the test.
package dbtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/receiver"
)

// Receiver is a running receiver and what it gave to the pipelines.
type Receiver struct {
	t       testing.TB
	all     []component.Component
	traces  *consumertest.TracesSink
	metrics *consumertest.MetricsSink
	own     *componenttest.Telemetry
	ended   bool
}

// Start runs a receiver with a configuration. It ends with the test at the latest.
func Start(t testing.TB, config map[string]any) *Receiver {
	t.Helper()
	return StartLogging(t, config, nil)
}

// StartPlain is Start without the probes that see what programs encrypt. They join all that
// run by default, and take most of the seconds that those need to load: one test of each
// protocol starts them, and those of what is encrypted.
func StartPlain(t testing.TB, config map[string]any) *Receiver {
	t.Helper()
	probes, ok := config["probes"].(map[string]any)
	require.True(t, ok, "the configuration chooses no probes")
	probes["tls"] = map[string]any{"off": true}
	return Start(t, config)
}

// StartLogging is Start with a log, if that is not nil.
func StartLogging(t testing.TB, config map[string]any, log *zap.Logger) *Receiver {
	t.Helper()
	livetest.RequireRoot(t)
	f := receiver.NewFactory()
	cfg := f.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(config).Unmarshal(cfg))
	r := &Receiver{t: t, traces: &consumertest.TracesSink{}, metrics: &consumertest.MetricsSink{}, own: componenttest.NewTelemetry()}
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = r.own.NewTelemetrySettings()
	if log != nil {
		set.Logger = log
	}
	traces, err := f.CreateTraces(t.Context(), set, cfg, r.traces)
	require.NoError(t, err)
	metrics, err := f.CreateMetrics(t.Context(), set, cfg, r.metrics)
	require.NoError(t, err)
	r.all = []component.Component{traces, metrics}
	for _, c := range r.all {
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	}
	t.Cleanup(r.Shutdown)
	return r
}

// Shutdown ends the receiver, which hands on the rest.
func (r *Receiver) Shutdown() {
	if r.ended {
		return
	}
	r.ended = true
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, c := range r.all {
		require.NoError(r.t, c.Shutdown(ctx))
	}
	require.NoError(r.t, r.own.Shutdown(ctx))
}

// Account gives what a running receiver says of a probe: "seen", "delivered", "filtered",
// "sampled_out" and "lost", the last also by cause, as in "lost ring_full".
func (r *Receiver) Account(probe string) map[string]int64 {
	r.t.Helper()
	n := map[string]int64{}
	for _, name := range []string{"seen", "delivered", "filtered", "sampled_out", "lost"} {
		m, err := r.own.GetMetric("otelcol_ebpf_events_" + name)
		if err != nil {
			continue // nothing was counted yet
		}
		sum, ok := m.Data.(metricdata.Sum[int64])
		require.True(r.t, ok, "%s is a %T", name, m.Data)
		for _, p := range sum.DataPoints {
			if of, _ := p.Attributes.Value("probe"); of.AsString() != probe {
				continue
			}
			n[name] += p.Value
			if cause, ok := p.Attributes.Value("cause"); ok && p.Value > 0 {
				n[name+" "+cause.AsString()] += p.Value
			}
		}
	}
	return n
}

// Selected is how many processes a running receiver observes.
func (r *Receiver) Selected() (n int64) {
	m, err := r.own.GetMetric("otelcol_ebpf_processes_selected")
	if err != nil {
		return 0 // nothing was counted yet
	}
	g, ok := m.Data.(metricdata.Gauge[int64])
	require.True(r.t, ok, "%s is a %T", m.Name, m.Data)
	for _, p := range g.DataPoints {
		n += p.Value
	}
	return n
}

// Spans gives those of connections to a server's port.
func (r *Receiver) Spans(port int) (out []ptrace.Span) {
	for _, s := range r.All() {
		if Attribute(s.Attributes(), "server.port") == int64(port) {
			out = append(out, s)
		}
	}
	return out
}

// All gives all spans.
func (r *Receiver) All() (out []ptrace.Span) {
	for _, td := range r.traces.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// Measured sums the last counts of a histogram, or the last values of a sum, over the
// attribute sets that pick accepts.
func (r *Receiver) Measured(name string, pick func(pcommon.Map) bool) uint64 {
	return uint64(r.last(name, pick, func(p pmetric.HistogramDataPoint) float64 { return float64(p.Count()) }))
}

// Total is what the values that a histogram has counted add up to.
func (r *Receiver) Total(name string, pick func(pcommon.Map) bool) float64 {
	return r.last(name, pick, pmetric.HistogramDataPoint.Sum)
}

func (r *Receiver) last(name string, pick func(pcommon.Map) bool, of func(pmetric.HistogramDataPoint) float64) (sum float64) {
	last := map[string]float64{}
	take := func(instance any, attrs pcommon.Map, start pcommon.Timestamp, n float64) {
		if pick(attrs) {
			v := pcommon.NewValueMap()
			attrs.CopyTo(v.Map())
			last[instance.(string)+v.AsString()+start.String()] = n
		}
	}
	for _, md := range r.metrics.AllMetrics() {
		for _, rm := range md.ResourceMetrics().All() {
			instance := Attribute(rm.Resource().Attributes(), "service.instance.id")
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					if m.Name() != name {
						continue
					}
					switch m.Type() {
					case pmetric.MetricTypeHistogram:
						for _, p := range m.Histogram().DataPoints().All() {
							take(instance, p.Attributes(), p.StartTimestamp(), of(p))
						}
					case pmetric.MetricTypeSum:
						for _, p := range m.Sum().DataPoints().All() {
							take(instance, p.Attributes(), p.StartTimestamp(), float64(p.IntValue()))
						}
					}
				}
			}
		}
	}
	for _, n := range last {
		sum += n
	}
	return sum
}

// Attribute gives an attribute's value or nil.
func Attribute(m pcommon.Map, key string) any {
	v, ok := m.Get(key)
	if !ok {
		return nil
	}
	return v.AsRaw()
}

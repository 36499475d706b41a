// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/receiver"
)

// observed is a receiver with one object, and what came of it.
type observed struct {
	t       testing.TB
	traces  consumertest.TracesSink
	metrics consumertest.MetricsSink
	logs    consumertest.LogsSink
	own     *componenttest.Telemetry
	stop    func()
}

// object is the path of an object of the tests.
func object(name string) string {
	path, err := filepath.Abs(filepath.Join("testdata", name+"_bpfel.o"))
	if err != nil {
		panic(err)
	}
	return path
}

// start runs the receiver with an object, whose section is YAML, and top, the receiver's other
// keys. It fails the test if the object does not run.
func start(t testing.TB, section, top string) *observed {
	t.Helper()
	o, err := tryStart(t, section, top)
	require.NoError(t, err)
	return o
}

func tryStart(t testing.TB, section, top string) (*observed, error) {
	t.Helper()
	return startAll(t, map[string]string{"object/test": section}, top, "fail", zaptest.NewLogger(t))
}

// startAll runs the receiver with several objects, whose sections are by the names of their
// Instruments. policy says what becomes of one that does not run.
func startAll(t testing.TB, sections map[string]string, top, policy string, log *zap.Logger) (*observed, error) {
	t.Helper()
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	f := receiver.NewFactory()
	cfg := f.CreateDefaultConfig()
	conf, err := confmap.NewRetrievedFromYAML([]byte(top))
	require.NoError(t, err)
	all := map[string]any{"on_unsupported": policy, "collection_interval": "200ms"}
	raw, err := conf.AsRaw()
	require.NoError(t, err)
	if more, ok := raw.(map[string]any); ok {
		maps.Copy(all, more)
	}
	probes := map[string]any{}
	for name, section := range sections {
		one, err := confmap.NewRetrievedFromYAML([]byte(section))
		require.NoError(t, err)
		probes[name], err = one.AsRaw()
		require.NoError(t, err)
	}
	all["probes"] = probes
	if err := confmap.NewFromStringMap(all).Unmarshal(cfg); err != nil {
		return nil, err
	}
	if err := confmap.Validate(cfg); err != nil {
		return nil, err
	}
	o := &observed{t: t, own: componenttest.NewTelemetry()}
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = o.own.NewTelemetrySettings()
	set.Logger = log
	traces, err := f.CreateTraces(t.Context(), set, cfg, &o.traces)
	require.NoError(t, err)
	metrics, err := f.CreateMetrics(t.Context(), set, cfg, &o.metrics)
	require.NoError(t, err)
	logs, err := f.CreateLogs(t.Context(), set, cfg, &o.logs)
	require.NoError(t, err)
	if err := traces.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		return nil, err
	}
	stopped := false
	o.stop = func() {
		if !stopped {
			stopped = true
			ctx := context.Background() // that of the test is done when it cleans up
			require.NoError(t, traces.Shutdown(ctx))
			require.NoError(t, metrics.Shutdown(ctx))
			require.NoError(t, logs.Shutdown(ctx))
		}
	}
	t.Cleanup(o.stop)
	return o, nil
}

// startDegraded runs the receiver with those objects that the kernel can run, and gives what is
// told of the others, by their names.
func startDegraded(t testing.TB, sections map[string]string, top string) (o *observed, told map[string]string) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	o, err := startAll(t, sections, top, "degrade", zap.New(zapcore.NewTee(core, zaptest.NewLogger(t).Core())))
	require.NoError(t, err)
	told = map[string]string{}
	for _, entry := range logs.FilterMessage("Probe does not run").All() {
		m := entry.ContextMap()
		told[m["probe"].(string)] = m["error"].(string)
	}
	return o, told
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// logRecord is one with its resource.
type logRecord struct {
	plog.LogRecord
	resource map[string]any
}

func (r logRecord) attrs() map[string]any { return r.Attributes().AsRaw() }

func (o *observed) logRecords() []logRecord {
	var all []logRecord
	for _, ld := range o.logs.AllLogs() {
		for _, r := range ld.ResourceLogs().All() {
			for _, s := range r.ScopeLogs().All() {
				for _, lr := range s.LogRecords().All() {
					all = append(all, logRecord{lr, r.Resource().Attributes().AsRaw()})
				}
			}
		}
	}
	return all
}

type span struct {
	ptrace.Span
	resource map[string]any
}

func (o *observed) spans() []span {
	var all []span
	for _, td := range o.traces.AllTraces() {
		for _, r := range td.ResourceSpans().All() {
			for _, s := range r.ScopeSpans().All() {
				for _, sp := range s.Spans().All() {
					all = append(all, span{sp, r.Resource().Attributes().AsRaw()})
				}
			}
		}
	}
	return all
}

// point is a data point of a metric.
type point struct {
	metric   pmetric.Metric
	time     pcommon.Timestamp
	number   float64
	exp      pmetric.ExponentialHistogramDataPoint
	hist     pmetric.HistogramDataPoint
	attrs    map[string]any
	resource map[string]any
}

// points are the last ones of a metric: those of the last collection that has it. A batch may
// have several.
func (o *observed) points(name string) []point {
	var last []point
	for _, md := range o.metrics.AllMetrics() {
		for _, r := range md.ResourceMetrics().All() {
			resource := r.Resource().Attributes().AsRaw()
			for _, s := range r.ScopeMetrics().All() {
				for _, m := range s.Metrics().All() {
					if m.Name() != name {
						continue
					}
					for _, p := range pointsOf(m, resource) {
						// A batch has several collections, each resource's after one another.
						if len(last) > 0 && last[0].time < p.time {
							last = nil
						}
						if len(last) == 0 || last[0].time == p.time {
							last = append(last, p)
						}
					}
				}
			}
		}
	}
	return last
}

func pointsOf(m pmetric.Metric, resource map[string]any) []point {
	var all []point
	numbers := func(points pmetric.NumberDataPointSlice) {
		for _, p := range points.All() {
			n := p.DoubleValue()
			if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
				n = float64(p.IntValue())
			}
			all = append(all, point{metric: m, time: p.Timestamp(), number: n, attrs: p.Attributes().AsRaw(), resource: resource})
		}
	}
	switch m.Type() {
	case pmetric.MetricTypeSum:
		numbers(m.Sum().DataPoints())
	case pmetric.MetricTypeGauge:
		numbers(m.Gauge().DataPoints())
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			all = append(all, point{metric: m, time: p.Timestamp(), hist: p, attrs: p.Attributes().AsRaw(), resource: resource})
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			all = append(all, point{metric: m, time: p.Timestamp(), exp: p, attrs: p.Attributes().AsRaw(), resource: resource})
		}
	}
	return all
}

// sum adds up the points of a metric whose attribute has a value, or all.
func (o *observed) sum(name, attribute string, value any) (sum float64) {
	for _, p := range o.points(name) {
		if attribute == "" || p.attrs[attribute] == value {
			sum += p.number
		}
	}
	return sum
}

// logOf gives the attributes of the first log record of an event whose attribute has a value.
func (o *observed) logOf(event, attribute string, value any) map[string]any {
	for _, r := range o.logRecords() {
		if a := r.attrs(); r.EventName() == event && a[attribute] == value {
			return a
		}
	}
	return nil
}

// account reads what the receiver says of the object: seen = delivered + filtered + lost.
func (o *observed) account() map[string]int64 { return o.accountOf("object/test") }

func (o *observed) accountOf(probe string) map[string]int64 {
	found := map[string]int64{}
	for _, name := range []string{"seen", "delivered", "filtered", "lost"} {
		m, err := o.own.GetMetric("otelcol_ebpf_events_" + name)
		if err != nil {
			continue
		}
		for attrs, v := range sums(m.Data) {
			if attrs == probe {
				found[name] += v
			}
		}
	}
	return found
}

// copyOf gives a program a path of its own.
func copyOf(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "object") // unlike t.TempDir, for all users
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	name := filepath.Join(dir, "observed")
	require.NoError(t, os.WriteFile(name, data, 0o755))
	return name
}

func targets(exe string) string {
	return fmt.Sprintf("targets: [{exe: %s, service_name: watched}]", exe)
}

func raw(m pcommon.Map) map[string]any { return m.AsRaw() }

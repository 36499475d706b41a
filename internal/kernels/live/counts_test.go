// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
)

// lost lists what the receiver itself says that it lost, by probe and cause.
// Ask before the receiver ends: its own metrics end with it.
func (s *telemetry) lost(t *testing.T) []string {
	t.Helper()
	if len(s.running(t)) == 0 {
		return nil // there is no such metric then
	}
	m, err := s.own.GetMetric("otelcol_ebpf_events_lost")
	require.NoError(t, err)
	var lost []string
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		probe, _ := p.Attributes.Value("probe")
		cause, _ := p.Attributes.Value("cause")
		if probe.AsString() == "dns" && cause.AsString() == "missed" {
			continue // it looks at all system calls of the machine, and nobody here sends a datagram
		}
		if p.Value != 0 {
			lost = append(lost, fmt.Sprintf("%s: %d", p.Attributes.Encoded(attribute.DefaultEncoder()), p.Value))
		}
	}
	return lost
}

// running gives the variants of the probes that run, by the receiver's own metric.
func (s *telemetry) running(t *testing.T) support.Told {
	t.Helper()
	m, err := s.own.GetMetric("otelcol_ebpf_probe_state")
	require.NoError(t, err)
	told := support.Told{}
	for _, p := range m.Data.(metricdata.Gauge[int64]).DataPoints {
		value := func(key attribute.Key) string {
			v, _ := p.Attributes.Value(key)
			return v.AsString()
		}
		if state := value("state"); state == "running" || state == "degraded" {
			told[value("probe")] = value("variant")
		}
	}
	return told
}

func text(m pcommon.Map, keys ...string) string {
	for _, key := range keys {
		if v, ok := m.Get(key); ok {
			return v.AsString()
		}
	}
	return ""
}

// exchanges counts the spans of the workload's processes by what a workload
// knows of them.
func (s *telemetry) exchanges(w *workload) map[string]int {
	return s.spans(func(res pcommon.Map) bool { return w.roles[text(res, "process.pid")] != "" })
}

// byService counts all spans so.
func (s *telemetry) byService() map[string]int {
	return s.spans(func(pcommon.Map) bool { return true })
}

func (s *telemetry) spans(of func(resource pcommon.Map) bool) map[string]int {
	counts := map[string]int{}
	for _, td := range s.traces.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			res := rs.Resource().Attributes()
			if !of(res) {
				continue
			}
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					a := span.Attributes()
					path := text(a, "url.path", "url.full")
					if _, rest, ok := strings.Cut(path, "://"); ok {
						_, path, _ = strings.Cut(rest, "/")
						path = "/" + path
					}
					counts[strings.Join([]string{span.Kind().String(), text(res, "service.name"),
						text(a, "http.request.method"), path, text(a, "http.response.status_code")}, " ")]++
				}
			}
		}
	}
	return counts
}

// records calls visit for the log records of the workload's processes.
func (s *telemetry) records(w *workload, visit func(role string, r plog.LogRecord)) {
	for _, ld := range s.logs.AllLogs() {
		for _, rl := range ld.ResourceLogs().All() {
			role := w.roles[text(rl.Resource().Attributes(), "process.pid")]
			if role == "" {
				continue
			}
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					visit(role, r)
				}
			}
		}
	}
}

// knows tells whether a record of a process has come.
func (s *telemetry) knows(pid int) bool {
	found := false
	s.records(&workload{roles: map[string]string{strconv.Itoa(pid): "it"}}, func(string, plog.LogRecord) { found = true })
	return found
}

func (s *telemetry) exits(w *workload) []string {
	var exits []string
	s.records(w, func(role string, r plog.LogRecord) {
		if r.EventName() == "process.exit" {
			exits = append(exits, role+" "+text(r.Attributes(), "ebpf.process.exit.signal", "process.exit.code"))
		}
	})
	slices.Sort(exits)
	return exits
}

func (s *telemetry) execs(w *workload) int {
	n := 0
	s.records(w, func(_ string, r plog.LogRecord) {
		if r.EventName() == "process.exec" {
			n++
		}
	})
	return n
}

// measured is the number of exchanges in the newest points of the metrics.
func (s *telemetry) measured(w *workload) int {
	newest := map[string]uint64{}
	for _, md := range s.metrics.AllMetrics() {
		for _, rm := range md.ResourceMetrics().All() {
			res := rm.Resource().Attributes()
			if w.roles[text(res, "process.pid")] == "" {
				continue
			}
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					if m.Type() == pmetric.MetricTypeHistogram && strings.HasSuffix(m.Name(), ".request.duration") {
						for _, p := range m.Histogram().DataPoints().All() {
							newest[text(res, "service.instance.id")+m.Name()+w.attributes(p.Attributes())] = p.Count()
						}
					}
				}
			}
		}
	}
	n := 0
	for _, count := range newest {
		n += int(count)
	}
	return n
}

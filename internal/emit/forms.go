// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
)

var traceForm = form[ptrace.Traces, ptrace.ResourceSpans, ptrace.SpanSlice]{
	data: ptrace.NewTraces,
	resource: func(d ptrace.Traces) (ptrace.ResourceSpans, pcommon.Resource) {
		r := d.ResourceSpans().AppendEmpty()
		r.SetSchemaUrl(semconv.SchemaURL)
		return r, r.Resource()
	},
	scope: func(r ptrace.ResourceSpans, capacity int) (ptrace.SpanSlice, pcommon.InstrumentationScope) {
		s := r.ScopeSpans().AppendEmpty()
		s.SetSchemaUrl(semconv.SchemaURL)
		s.Spans().EnsureCapacity(capacity)
		return s.Spans(), s.Scope()
	},
}

var logForm = form[plog.Logs, plog.ResourceLogs, plog.LogRecordSlice]{
	data: plog.NewLogs,
	resource: func(d plog.Logs) (plog.ResourceLogs, pcommon.Resource) {
		r := d.ResourceLogs().AppendEmpty()
		r.SetSchemaUrl(semconv.SchemaURL)
		return r, r.Resource()
	},
	scope: func(r plog.ResourceLogs, capacity int) (plog.LogRecordSlice, pcommon.InstrumentationScope) {
		s := r.ScopeLogs().AppendEmpty()
		s.SetSchemaUrl(semconv.SchemaURL)
		s.LogRecords().EnsureCapacity(capacity)
		return s.LogRecords(), s.Scope()
	},
}

var metricForm = form[pmetric.Metrics, pmetric.ResourceMetrics, pmetric.MetricSlice]{
	data: pmetric.NewMetrics,
	resource: func(d pmetric.Metrics) (pmetric.ResourceMetrics, pcommon.Resource) {
		r := d.ResourceMetrics().AppendEmpty()
		r.SetSchemaUrl(semconv.SchemaURL)
		return r, r.Resource()
	},
	scope: func(r pmetric.ResourceMetrics, capacity int) (pmetric.MetricSlice, pcommon.InstrumentationScope) {
		s := r.ScopeMetrics().AppendEmpty()
		s.SetSchemaUrl(semconv.SchemaURL)
		s.Metrics().EnsureCapacity(capacity)
		return s.Metrics(), s.Scope()
	},
	count: countPoints, // the probe adds points after it got the metric
}

func countSpans(d ptrace.Traces, add func(string, int)) {
	for _, r := range d.ResourceSpans().All() {
		for _, s := range r.ScopeSpans().All() {
			add(s.Scope().Name(), s.Spans().Len())
		}
	}
}

func countLogRecords(d plog.Logs, add func(string, int)) {
	for _, r := range d.ResourceLogs().All() {
		for _, s := range r.ScopeLogs().All() {
			add(s.Scope().Name(), s.LogRecords().Len())
		}
	}
}

func countPoints(d pmetric.Metrics, add func(string, int)) {
	for _, r := range d.ResourceMetrics().All() {
		for _, s := range r.ScopeMetrics().All() {
			n := 0
			for _, m := range s.Metrics().All() {
				n += points(m)
			}
			add(s.Scope().Name(), n)
		}
	}
}

func points(m pmetric.Metric) int {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints().Len()
	case pmetric.MetricTypeHistogram:
		return m.Histogram().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().DataPoints().Len()
	case pmetric.MetricTypeSummary:
		return m.Summary().DataPoints().Len()
	default:
		return 0
	}
}

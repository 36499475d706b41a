// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"slices"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// applySwitches puts before each consumer what removes the resource attributes
// and the events that are switched off. It costs a few look-ups for each
// resource of a batch.
func (set *engineSettings) applySwitches() {
	s := switches{attributes: set.Config.disabledAttributes(), events: set.Config.disabledEvents()}
	if set.Traces != nil {
		set.Traces = tracesSwitch{set.Traces, s}
	}
	if set.Metrics != nil {
		set.Metrics = metricsSwitch{set.Metrics, s}
	}
	if set.Logs != nil {
		set.Logs = logsSwitch{set.Logs, s}
	}
}

type switches struct{ attributes, events []string }

func (s switches) resource(r pcommon.Resource) {
	for _, name := range s.attributes {
		r.Attributes().Remove(name)
	}
}

type tracesSwitch struct {
	consumer.Traces
	switches
}

func (s tracesSwitch) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	for _, r := range td.ResourceSpans().All() {
		s.resource(r.Resource())
	}
	return s.Traces.ConsumeTraces(ctx, td)
}

type metricsSwitch struct {
	consumer.Metrics
	switches
}

func (s metricsSwitch) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	for _, r := range md.ResourceMetrics().All() {
		s.resource(r.Resource())
	}
	return s.Metrics.ConsumeMetrics(ctx, md)
}

type logsSwitch struct {
	consumer.Logs
	switches
}

func (s logsSwitch) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	for _, r := range ld.ResourceLogs().All() {
		s.resource(r.Resource())
		if len(s.events) == 0 {
			continue
		}
		for _, scope := range r.ScopeLogs().All() {
			scope.LogRecords().RemoveIf(func(lr plog.LogRecord) bool {
				return slices.Contains(s.events, lr.EventName())
			})
		}
	}
	if len(s.events) > 0 && ld.LogRecordCount() == 0 {
		return nil
	}
	return s.Logs.ConsumeLogs(ctx, ld)
}

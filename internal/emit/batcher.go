// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// BatchConfig bounds the batches.
type BatchConfig struct {
	// Size is the number of spans, log records or metrics after which a batch is full.
	Size int
	// FlushInterval is the time that a batch may stay open.
	FlushInterval time.Duration
	// Version is that of the instrumentation scopes.
	Version string
}

// DefaultBatchConfig returns the defaults: 512 items or 200 ms.
func DefaultBatchConfig(version string) BatchConfig {
	return BatchConfig{Size: 512, FlushInterval: 200 * time.Millisecond, Version: version}
}

// Batcher collects the telemetry of the probes that one goroutine serves. It
// and its Emitters are used on that goroutine only.
type Batcher struct {
	sender   *Sender
	interval uint64
	traces   *builder[ptrace.Traces, ptrace.ResourceSpans, ptrace.SpanSlice]
	logs     *builder[plog.Logs, plog.ResourceLogs, plog.LogRecordSlice]
	metrics  *builder[pmetric.Metrics, pmetric.ResourceMetrics, pmetric.MetricSlice]
}

// NewBatcher makes a Batcher that gives its batches to the sender.
func NewBatcher(s *Sender, cfg BatchConfig) *Batcher {
	b := &Batcher{sender: s, interval: uint64(cfg.FlushInterval)}
	if s.traces != nil {
		b.traces = newBuilder(&traceForm, cfg.Size, cfg.Version, s.traces.enqueue)
	}
	if s.logs != nil {
		b.logs = newBuilder(&logForm, cfg.Size, cfg.Version, s.logs.enqueue)
	}
	if s.metrics != nil {
		b.metrics = newBuilder(&metricForm, cfg.Size, cfg.Version, s.metrics.enqueue)
	}
	return b
}

// FlushIfDue flushes the batches that have been open for the flush interval.
// now is boot time in ns. Call it several times in an interval.
func (b *Batcher) FlushIfDue(now uint64) {
	if b.traces != nil {
		b.traces.due(now, b.interval)
	}
	if b.logs != nil {
		b.logs.due(now, b.interval)
	}
	if b.metrics != nil {
		b.metrics.due(now, b.interval)
	}
}

// Open tells whether a batch is open, and so FlushIfDue is to be called.
func (b *Batcher) Open() bool {
	return b.traces != nil && b.traces.isOpen() || b.logs != nil && b.logs.isOpen() || b.metrics != nil && b.metrics.isOpen()
}

// Flush hands on all open batches. It blocks while the queue is full.
func (b *Batcher) Flush() {
	if b.traces != nil {
		b.traces.flush()
	}
	if b.logs != nil {
		b.logs.flush()
	}
	if b.metrics != nil {
		b.metrics.flush()
	}
}

// Emitter makes the Emitter of a probe. scope names the instrumentation scope
// and, in Sender.Account, the account. What is emitted for a signal without a
// pipeline is neither kept nor counted.
func (b *Batcher) Emitter(scope string) probe.Emitter {
	e := &emitter{batcher: b}
	a := b.sender.Account(scope)
	if b.traces != nil {
		e.traces = b.traces.section(scope, &a.Traces)
	}
	if b.logs != nil {
		e.logs = b.logs.section(scope, &a.Logs)
	}
	if b.metrics != nil {
		e.metrics = b.metrics.section(scope, &a.Metrics)
	}
	return e
}

type emitter struct {
	batcher *Batcher
	traces  *section[ptrace.SpanSlice]
	logs    *section[plog.LogRecordSlice]
	metrics *section[pmetric.MetricSlice]
}

var _ probe.Emitter = (*emitter)(nil)

func (e *emitter) Span(p *probe.ProcessInfo) ptrace.Span {
	if e.traces == nil {
		return ptrace.NewSpan()
	}
	return e.batcher.traces.next(e.traces, p).AppendEmpty()
}

func (e *emitter) LogRecord(p *probe.ProcessInfo) plog.LogRecord {
	if e.logs == nil {
		return plog.NewLogRecord()
	}
	return e.batcher.logs.next(e.logs, p).AppendEmpty()
}

func (e *emitter) Metric(p *probe.ProcessInfo) pmetric.Metric {
	if e.metrics == nil {
		return pmetric.NewMetric()
	}
	return e.batcher.metrics.next(e.metrics, p).AppendEmpty()
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package receiver

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/emit"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// source is a probe without a kernel: it emits what Generate is called for, in
// the name of one of several processes, as spans, log records or metrics.
type source struct {
	signal    probe.Signals
	processes []*probe.ProcessInfo

	mu   sync.Mutex
	next int
	todo []string
	emit probe.Emitter
}

var (
	_ receivertest.Generator = (*source)(nil)
	_ probe.Ticker           = (*source)(nil)
)

func (s *source) factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{Name: "source", Kind: probe.Instrument, Signals: s.signal},
		New: func(set probe.Settings, _ any) (probe.Probe, error) {
			s.emit = set.Emit
			return s, nil
		},
	}
}

func (s *source) Load(context.Context, *probe.Loading) error { return nil }
func (s *source) Attach(context.Context, probe.Target) (io.Closer, error) {
	return io.NopCloser(nil), nil
}
func (s *source) Close() error { return nil }

func (s *source) Start() {}
func (s *source) Stop()  {}

func (s *source) Generate() []receivertest.UniqueIDAttrVal {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	id := strconv.Itoa(s.next)
	s.todo = append(s.todo, id)
	return []receivertest.UniqueIDAttrVal{receivertest.UniqueIDAttrVal(id)}
}

func (s *source) Tick(uint64) {
	s.mu.Lock()
	todo := s.todo
	s.todo = nil
	s.mu.Unlock()
	for i, id := range todo {
		s.attributes(s.processes[i%len(s.processes)]).PutStr(receivertest.UniqueIDAttrName, id)
	}
}

func (s *source) attributes(p *probe.ProcessInfo) pcommon.Map {
	switch s.signal {
	case probe.Traces:
		return s.emit.Span(p).Attributes()
	case probe.Logs:
		return s.emit.LogRecord(p).Attributes()
	default:
		m := s.emit.Metric(p)
		m.SetName("test")
		return m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes()
	}
}

// The whole path from a probe's goroutine to the pipeline delivers each item
// once, also when the pipeline refuses batches for now, and drops those that it
// refuses for good.
func TestConsumeContract(t *testing.T) {
	for signal, name := range map[probe.Signals]pipeline.Signal{
		probe.Traces:  pipeline.SignalTraces,
		probe.Metrics: pipeline.SignalMetrics,
		probe.Logs:    pipeline.SignalLogs,
	} {
		t.Run(name.String(), func(t *testing.T) {
			s := &source{signal: signal}
			for i := range 3 {
				p := &probe.ProcessInfo{Resource: pcommon.NewResource()}
				p.Resource.Attributes().PutStr("service.name", fmt.Sprint(i))
				s.processes = append(s.processes, p)
			}
			f := NewFactory(WithProbes(s.factory()))
			cfg := f.CreateDefaultConfig().(*Config)
			cfg.Probes = map[string]any{"source": nil}
			cfg.OnUnsupported = Fail
			cfg.Retry = emit.RetryConfig{Enabled: true, InitialInterval: time.Millisecond, MaxInterval: 5 * time.Millisecond}
			require.NoError(t, cfg.Validate())
			receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
				T: t, Factory: f, Signal: name, Config: cfg, Generator: s,
				GenerateCount: 10_000, // some 20 batches
			})
		})
	}
}

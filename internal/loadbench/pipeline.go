// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/emit"
	"github.com/ebpfreceiver/ebpfreceiver/internal/manager"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// pipeline is a receiver with all probes that exports over OTLP.
type pipeline struct {
	*manager.Manager
	reader     *metric.ManualReader
	components []component.Component
}

// setup is what a receiver runs with.
type setup struct {
	spans   bool
	ratio   float64       // of traces that are kept
	only    []string      // probes; all by default
	without string        // a probe that is left out
	plain   bool          // no gzip, as to a collector or an agent on the same host
	slice   time.Duration // as limits::slice
	targets []discovery.Selector
}

// newPipeline starts a receiver and pauses it. It observes what the targets select, or all
// processes without any.
func newPipeline(ctx context.Context, sink string, with setup) (_ *pipeline, err error) {
	selection := &discovery.Selection{Self: uint32(os.Getpid())}
	for _, t := range with.targets {
		m, err := t.Compile()
		if err != nil {
			return nil, err
		}
		selection.Targets = append(selection.Targets, m)
	}
	p := &pipeline{reader: metric.NewManualReader()}
	defer func() {
		if err != nil {
			p.stop(ctx)
		}
	}()
	telemetry := componenttest.NewNopTelemetrySettings()
	// As a collector has it by default (level "normal"): sizes of batches in bytes, which take a
	// look at each span, are not counted.
	sizes := metric.NewView(metric.Instrument{Name: "otelcol_*_size_bytes"}, metric.Stream{Aggregation: metric.AggregationDrop{}})
	telemetry.MeterProvider = metric.NewMeterProvider(metric.WithReader(p.reader), metric.WithView(sizes))
	if telemetry.Logger, err = zap.NewProduction(zap.IncreaseLevel(zap.WarnLevel)); err != nil {
		return nil, err
	}
	ef, pf := otlpexporter.NewFactory(), batchprocessor.NewFactory()
	ec := ef.CreateDefaultConfig().(*otlpexporter.Config)
	ec.ClientConfig.Endpoint = sink
	ec.ClientConfig.TLS.Insecure = true
	if with.plain {
		ec.ClientConfig.Compression = "none"
	}
	es := exporter.Settings{ID: component.NewID(ef.Type()), TelemetrySettings: telemetry}
	ps := processor.Settings{ID: component.NewID(pf.Type()), TelemetrySettings: telemetry}
	pc := pf.CreateDefaultConfig()

	te, err := ef.CreateTraces(ctx, es, ec)
	if err != nil {
		return nil, err
	}
	tb, err := pf.CreateTraces(ctx, ps, pc, te)
	if err != nil {
		return nil, err
	}
	me, err := ef.CreateMetrics(ctx, es, ec)
	if err != nil {
		return nil, err
	}
	mb, err := pf.CreateMetrics(ctx, ps, pc, me)
	if err != nil {
		return nil, err
	}
	le, err := ef.CreateLogs(ctx, es, ec)
	if err != nil {
		return nil, err
	}
	lb, err := pf.CreateLogs(ctx, ps, pc, le)
	if err != nil {
		return nil, err
	}
	for _, c := range []component.Component{te, me, le, tb, mb, lb} {
		if err := c.Start(ctx, componenttest.NewNopHost()); err != nil {
			return nil, err
		}
		p.components = append(p.components, c)
	}
	rs := receivertest.NewNopSettings(metadata.Type)
	rs.TelemetrySettings = telemetry
	chosen := map[string]any{}
	sampled := []string{"http", "sql", "redis", "memcached", "messaging"}
	factories := slices.DeleteFunc(probes.All(), func(f probe.Factory) bool { return f.Manifest.Name == with.without })
	for _, f := range factories {
		name := f.Manifest.Name
		if f.Manifest.Kind != probe.Instrument || f.Manifest.OptIn && !slices.Contains(with.only, name) ||
			with.only != nil && !slices.Contains(with.only, name) {
			continue
		}
		chosen[name] = nil
		if f.DefaultConfig != nil {
			chosen[name] = f.DefaultConfig()
		}
		if slices.Contains(sampled, name) {
			sampling := confmap.NewFromStringMap(map[string]any{"sampling": map[string]any{"ratio": with.ratio}})
			if err := sampling.Unmarshal(chosen[name]); err != nil {
				return nil, err
			}
		}
	}
	settings := manager.Settings{
		Receiver:  rs,
		Factories: factories,
		Config: manager.Config{
			CollectionInterval: 10 * time.Second,
			FailUnsupported:    true,
			Probes:             chosen,
			Requested:          with.only != nil,
			Selection:          selection,
			Retry:              emit.DefaultRetryConfig(),
			Version:            "bench",
		},
		Metrics: mb,
		Logs:    lb,
	}
	if with.spans {
		settings.Traces = tb
	}
	p.Manager = manager.New(settings)
	if err := p.Start(ctx); err != nil {
		p.Manager = nil
		return nil, err
	}
	return p, p.Pause()
}

// stop ends the receiver, then what is behind it.
func (p *pipeline) stop(ctx context.Context) {
	if p.Manager != nil {
		if err := p.Shutdown(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "loadbench:", err)
		}
	}
	for i := len(p.components) - 1; i >= 0; i-- {
		_ = p.components[i].Shutdown(ctx)
	}
}

// counts are the receiver's own, of some Instruments: events by what became of them.
func (p *pipeline) counts(ctx context.Context, instruments []string) (map[string]int64, error) {
	var rm metricdata.ResourceMetrics
	if err := p.reader.Collect(ctx, &rm); err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			name, ok := strings.CutPrefix(m.Name, "otelcol_ebpf_events_")
			sum, isSum := m.Data.(metricdata.Sum[int64])
			if !ok || !isSum {
				continue
			}
			for _, point := range sum.DataPoints {
				if probe, _ := point.Attributes.Value("probe"); slices.Contains(instruments, probe.AsString()) {
					counts[name] += point.Value
				}
			}
		}
	}
	return counts, nil
}

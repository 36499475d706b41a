// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package rights

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
	"github.com/ebpfreceiver/ebpfreceiver/receiver"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// said is what a receiver tells at its end.
type said struct {
	Runs support.Told
	// Things has what was said of each process, by its number: "PROBE WHAT".
	Things map[string][]string
}

// sinks are where the pipelines end.
type sinks struct {
	traces  consumertest.TracesSink
	metrics consumertest.MetricsSink
	logs    consumertest.LogsSink
	own     *componenttest.Telemetry
}

// observe runs a receiver with all probes. It prints a line when it is ready, goes on
// until another line comes in, and then prints what it saw as JSON.
func observe() error {
	f := receiver.NewFactory()
	cfg := f.CreateDefaultConfig()
	all := map[string]any{} // also the probes that are not among the defaults
	for _, f := range probes.All() {
		if f.Manifest.Kind == probe.Instrument {
			all[f.Manifest.Name] = nil
		}
	}
	if err := confmap.NewFromStringMap(map[string]any{"collection_interval": "500ms", "probes": all}).Unmarshal(cfg); err != nil {
		return err
	}
	s := &sinks{own: componenttest.NewTelemetry()}
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = s.own.NewTelemetrySettings()
	ctx := context.Background()
	traces, err1 := f.CreateTraces(ctx, set, cfg, &s.traces)
	metrics, err2 := f.CreateMetrics(ctx, set, cfg, &s.metrics)
	logs, err3 := f.CreateLogs(ctx, set, cfg, &s.logs)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	signals := []component.Component{traces, metrics, logs}
	for _, c := range signals {
		if err := c.Start(ctx, componenttest.NewNopHost()); err != nil {
			return err
		}
	}
	fmt.Fprintln(os.Stdout, "ready")
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	out := said{Runs: support.Told{}, Things: map[string][]string{}}
	if err := s.running(out.Runs); err != nil {
		return err
	}
	for _, c := range signals {
		if err := c.Shutdown(ctx); err != nil {
			return err
		}
	}
	s.tell(out.Things)
	return json.NewEncoder(os.Stdout).Encode(out)
}

// running gives the variants of the probes that run.
func (s *sinks) running(told support.Told) error {
	m, err := s.own.GetMetric("otelcol_ebpf_probe_state")
	if err != nil {
		return err
	}
	for _, p := range m.Data.(metricdata.Gauge[int64]).DataPoints {
		state, _ := p.Attributes.Value("state")
		name, _ := p.Attributes.Value("probe")
		variant, _ := p.Attributes.Value("variant")
		if state.AsString() == "running" || state.AsString() == "degraded" {
			told[name.AsString()] = variant.AsString()
		}
	}
	return nil
}

func text(m pcommon.Map, key string) string {
	if v, ok := m.Get(key); ok {
		return v.AsString()
	}
	return ""
}

// tell sorts what came by the process that it is about.
func (s *sinks) tell(things map[string][]string) {
	add := func(r pcommon.Resource, scope, what string) {
		pid := text(r.Attributes(), "process.pid")
		for key := range r.Attributes().All() {
			things[pid] = append(things[pid], "discovery "+key)
			if key == "service.name" && strings.HasPrefix(text(r.Attributes(), key), named) {
				things[pid] = append(things[pid], "discovery the environment")
			}
		}
		things[pid] = append(things[pid], scope[strings.LastIndexByte(scope, '/')+1:]+" "+what)
	}
	for _, td := range s.traces.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					add(rs.Resource(), ss.Scope().Name(), "span of a "+span.Kind().String())
					if text(span.Attributes(), "url.scheme") == "https" {
						add(rs.Resource(), "tls", "what is encrypted")
					}
				}
			}
		}
	}
	for _, md := range s.metrics.AllMetrics() {
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					add(rm.Resource(), sm.Scope().Name(), m.Name())
				}
			}
		}
	}
	for _, ld := range s.logs.AllLogs() {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					add(rl.Resource(), sl.Scope().Name(), r.EventName())
				}
			}
		}
	}
	for pid, list := range things {
		slices.Sort(list)
		things[pid] = slices.Compact(list)
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/internal/privilege"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Option changes the factory that NewFactory makes.
type Option func(*factory)

// WithProbes adds probes to those that come with the receiver. One of the same
// name takes the place of the other.
func WithProbes(probes ...probe.Factory) Option {
	return func(f *factory) {
		for _, p := range probes {
			f.probes[p.Manifest.Name] = p
		}
	}
}

// NewFactory makes the factory of the receiver.
func NewFactory(options ...Option) receiver.Factory {
	f := newFactory(options...)
	return receiver.NewFactory(
		metadata.Type,
		func() component.Config { return f.defaultConfig() },
		receiver.WithTraces(f.createTraces, metadata.TracesStability),
		receiver.WithMetrics(f.createMetrics, metadata.MetricsStability),
		receiver.WithLogs(f.createLogs, metadata.LogsStability),
	)
}

func newFactory(options ...Option) *factory {
	f := &factory{
		probes:       map[string]probe.Factory{},
		deprecations: deprecations(),
		newEngine:    newManager,
		held:         privilege.Held,
		drop:         privilege.Drop,
		instances:    map[*Config]*instance{},
	}
	WithProbes(builtin()...)(f)
	for _, option := range options {
		option(f)
	}
	return f
}

func (f *factory) defaultConfig() *Config {
	cfg := newDefaultConfig(f.probes)
	cfg.deprecations = f.deprecations
	return cfg
}

func (f *factory) createTraces(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
	return f.create(set, cfg, func(i *instance) error { return join(&i.set.Traces, next, "traces") })
}

func (f *factory) createMetrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	return f.create(set, cfg, func(i *instance) error { return join(&i.set.Metrics, next, "metrics") })
}

func (f *factory) createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	return f.create(set, cfg, func(i *instance) error { return join(&i.set.Logs, next, "logs") })
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package receiver

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/manager"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/memory"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/process"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/signals"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// builtin lists the probes that come with the receiver.
func builtin() []probe.Factory { return append(probes.All(), probes.Types()...) }

// newManager makes the manager, which does the work of an instance.
func newManager(set engineSettings) (engine, error) {
	cfg := set.Config
	selection, err := cfg.selection(os.Getpid())
	if err != nil {
		return nil, err
	}
	set.Receiver.Logger.Info("Observing "+cfg.describeTargets(), zap.Int("excludes", len(cfg.Exclude)))
	if len(cfg.Probes) == 0 {
		set.Receiver.Logger.Warn(`No probe is chosen: "probes" is empty`)
	}
	chosen := cfg.chosenProbes()
	factories, err := cfg.instances(chosen)
	if err != nil {
		return nil, err
	}
	return manager.New(manager.Settings{
		Receiver:  set.Receiver,
		Factories: factories,
		Config: manager.Config{
			CollectionInterval: cfg.CollectionInterval,
			FailUnsupported:    cfg.OnUnsupported == Fail,
			KeepInstrumented:   cfg.ExistingInstrumentation == Keep,
			Probes:             chosen,
			Requested:          cfg.requested,
			Variants:           cfg.Variants,
			Limits:             cfg.Limits,
			Selection:          selection,
			Retry:              cfg.Retry,
			Version:            version,
		},
		Traces:       set.Traces,
		Metrics:      set.Metrics,
		Logs:         set.Logs,
		ReportStatus: set.ReportStatus,
	}), nil
}

// instances are the factories of all probes, with one for each instance that is chosen.
func (c *Config) instances(chosen map[string]any) ([]probe.Factory, error) {
	var factories []probe.Factory
	for _, f := range c.factories {
		if f.Instance == nil {
			factories = append(factories, f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		if f, err := factoryOf(name, c.factories); err != nil || f.Instance == nil {
			continue // the manager tells what there is not
		}
		kind, _, _ := strings.Cut(name, "/")
		f, err := c.factories[kind].Instance(name, chosen[name])
		if err != nil {
			return nil, fmt.Errorf("probes::%s: %w", name, err)
		}
		if forced := c.Variants[name]; forced != "" && !slices.ContainsFunc(f.Manifest.Variants, func(v probe.Variant) bool { return v.Name == forced }) {
			return nil, fmt.Errorf("variants::%s: the probe has no variant %q", name, forced)
		}
		factories = append(factories, f)
	}
	return factories, nil
}

// chosenProbes are the probes' configurations with the switches of "events"
// applied, and without probes for which these leave nothing to do.
func (c *Config) chosenProbes() map[string]any {
	chosen := maps.Clone(c.Probes)
	if !c.Events.EbpfProcessSignal.Enabled {
		delete(chosen, signals.Name)
	}
	if p, ok := chosen[memory.Name].(*memory.Config); ok && !c.Events.EbpfProcessOomKill.Enabled {
		switched := *p
		switched.OOMKills = false
		chosen[memory.Name] = &switched
	}
	for name, cfg := range chosen {
		p, ok := cfg.(*process.Config)
		if !ok {
			continue
		}
		switched := *p
		switched.Exec = p.Exec && c.Events.ProcessExec.Enabled
		switched.Exit = p.Exit && c.Events.ProcessExit.Enabled
		if !switched.Exec && !switched.Exit {
			delete(chosen, name)
			continue
		}
		chosen[name] = &switched
	}
	return chosen
}

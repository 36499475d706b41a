// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package filesystem

import (
	"context"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/device"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Factory describes the Instrument.
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "filesystem",
			Kind:      probe.Instrument,
			Summary:   "How long processes read, write, open and sync files; log records of slow operations",
			Signals:   probe.Metrics | probe.Logs,
			DependsOn: []string{inkernel.Discovery},
			Joins:     inkernel.Discovery,
			Stability: component.StabilityLevelDevelopment,
			OptIn:     true, // most variants look at each system call of the host
			Variants:  variants(),
		},
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("configuration is a %T, not a %T", config, cfg)
			}
			n := &names{devices: device.NewNames(device.BlockDevices)}
			return &Instrument{set: set, cfg: cfg, names: n, table: inkernel.NewTable[dims, value](set, schema(n))}, nil
		},
	}
}

// Counters of bpf/filesystem.bpf.c.
const (
	countCallsFull = inkernel.FirstCounter + iota
	countFast
	countOther
	countSlow
	countSlowLimited
	countSlowLost
)

// Instrument is the probe.
type Instrument struct {
	set      probe.Settings
	cfg      *Config
	programs *inkernel.Programs
	names    *names
	table    *inkernel.Table[dims, value]
	slow     records
}

var (
	_ probe.RingReader = (*Instrument)(nil)
	_ probe.Collector  = (*Instrument)(nil)
	_ probe.Ticker     = (*Instrument)(nil)
	_ probe.Flusher    = (*Instrument)(nil)
	_ probe.Accountant = (*Instrument)(nil)
)

// Load implements [probe.Probe].
func (i *Instrument) Load(_ context.Context, l *probe.Loading) error {
	slow := i.cfg.Slow.Threshold
	if !i.set.Signals.Has(probe.Logs) {
		slow = 0
	}
	p, err := inkernel.Load(l, i.set.Logger, map[string]uint32{"file_values": i.cfg.MaxSeries}, map[string]any{
		"threshold_ns": uint64(i.cfg.Threshold), "slow_ns": uint64(slow),
		"slow_per_second": i.cfg.Slow.PerSecond, "slow_paths": i.cfg.Slow.Paths,
	}, func(e *discovery.Event) { i.table.Happened(e) })
	if err != nil {
		return err
	}
	i.programs = p
	i.names.types = p.Map("file_types")
	i.table.Open(p.Map("file_values"))
	return nil
}

// Attach implements [probe.Probe].
func (i *Instrument) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	return i.programs.Attach(t)
}

// Close implements [probe.Probe].
func (i *Instrument) Close() error {
	i.programs.Close()
	i.programs, i.names.types = nil, nil
	return nil
}

// Rings implements [probe.RingReader].
func (i *Instrument) Rings() []probe.Ring {
	return []probe.Ring{{Map: i.programs.Map("file_events"), Handle: i.slow.handle}}
}

// Tick implements [probe.Ticker].
func (i *Instrument) Tick(now uint64) { i.slow.waiting.Tick(now, false, i.report) }

// Flush implements [probe.Flusher].
func (i *Instrument) Flush() {
	i.slow.waiting.Tick(i.set.Clock.Now(), true, i.report)
	i.table.Last()
}

// Collect implements [probe.Collector].
func (i *Instrument) Collect(_ context.Context, now time.Time) error { return i.table.Collect(now) }

// Counts implements [probe.Accountant], of metrics as of the last collection.
func (i *Instrument) Counts() probe.Counts {
	var c probe.Counts
	i.table.Account().AddTo(&c)
	if i.programs != nil {
		full, filtered := i.programs.Counter(countCallsFull), i.programs.Counter(countFast)+i.programs.Counter(countOther)
		c.Filtered += filtered
		c.Lost[probe.MapFull] += full
		c.Seen += full + filtered + i.programs.Counter(countSlow)
		c.SampledOut += i.programs.Counter(countSlowLimited)
		c.Lost[probe.RingFull] += i.programs.Counter(countSlowLost)
	}
	c.Delivered += i.slow.delivered
	c.Filtered += i.slow.waiting.Dropped
	c.Lost[probe.Undecodable] += i.slow.malformed
	i.programs.AddLost(&c)
	return c
}

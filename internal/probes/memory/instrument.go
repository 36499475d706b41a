// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cilium/ebpf/link"
	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/hook"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Name is the Instrument's.
const Name = "memory"

// Factory describes the Instrument.
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      Name,
			Kind:      probe.Instrument,
			Summary:   "Victims of the out-of-memory killer, page faults, waits for memory to be freed",
			Signals:   probe.Metrics | probe.Logs,
			DependsOn: []string{inkernel.Discovery},
			Joins:     inkernel.Discovery,
			Stability: component.StabilityLevelDevelopment,
			Variants:  []probe.Variant{{Name: "tp_btf", Spec: loadObject}},
		},
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("configuration is a %T, not a %T", config, cfg)
			}
			return &Instrument{
				set: set, cfg: cfg,
				faults: inkernel.NewTable[uint64, faultValue](set, faultSchema()),
				stalls: inkernel.NewTable[uint64, stallValue](set, stallSchema()),
			}, nil
		},
	}
}

// Counters of bpf/memory.bpf.c.
const (
	countVictims = inkernel.FirstCounter + iota
	countVictimsLost
	countThreadsFull
)

// Instrument is the probe.
type Instrument struct {
	set      probe.Settings
	cfg      *Config
	programs *inkernel.Programs
	visit    *link.Iter
	faults   *inkernel.Table[uint64, faultValue]
	stalls   *inkernel.Table[uint64, stallValue]
	victims  victims
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
	p, err := inkernel.Load(l, i.set.Logger, map[string]uint32{"memory_faults": i.cfg.MaxProcesses}, nil, func(e *discovery.Event) {
		i.faults.Happened(e)
		i.stalls.Happened(e)
	})
	if err != nil {
		return err
	}
	i.programs = p
	// It is not among what Attach attaches: the last collection comes after that was detached.
	if i.visit, err = link.AttachIter(link.IterOptions{Program: p.Program("memory_visit")}); err != nil {
		return errors.Join(fmt.Errorf("attach the iterator over threads: %w", err), i.Close())
	}
	i.faults.Open(p.Map("memory_faults"))
	i.stalls.Open(p.Map("memory_stalls"))
	return nil
}

// Attach implements [probe.Probe]. It notes what threads had counted before.
func (i *Instrument) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	links, err := i.programs.Attach(t)
	if err != nil {
		return nil, err
	}
	err = errors.Join(i.programs.Set("only_note", true), i.look(), i.programs.Set("only_note", false))
	if err != nil {
		return nil, errors.Join(err, links.Close())
	}
	return links, nil
}

// look lets the kernel go through all threads.
func (i *Instrument) look() error {
	if err := hook.Run(i.visit); err != nil {
		return fmt.Errorf("go through threads: %w", err)
	}
	return nil
}

// Collect implements [probe.Collector].
func (i *Instrument) Collect(_ context.Context, now time.Time) error {
	return errors.Join(i.look(), i.faults.Collect(now), i.stalls.Collect(now))
}

// Close implements [probe.Probe].
func (i *Instrument) Close() error {
	var err error
	if i.visit != nil {
		err = i.visit.Close()
	}
	i.programs.Close()
	i.programs, i.visit = nil, nil
	return err
}

// Rings implements [probe.RingReader].
func (i *Instrument) Rings() []probe.Ring {
	return []probe.Ring{{Map: i.programs.Map("memory_events"), Handle: i.victims.handle}}
}

// Tick implements [probe.Ticker].
func (i *Instrument) Tick(now uint64) { i.victims.waiting.Tick(now, false, i.report) }

// Flush implements [probe.Flusher].
func (i *Instrument) Flush() {
	i.victims.waiting.Tick(i.set.Clock.Now(), true, i.report)
	i.faults.Last()
	i.stalls.Last()
}

// Counts implements [probe.Accountant], of metrics as of the last collection.
func (i *Instrument) Counts() probe.Counts {
	var c probe.Counts
	i.faults.Account().AddTo(&c)
	i.stalls.Account().AddTo(&c)
	if i.programs != nil {
		c.Seen += i.programs.Counter(countVictims)
		c.Lost[probe.RingFull] += i.programs.Counter(countVictimsLost)
		c.Incomplete += i.programs.Counter(countThreadsFull)
	}
	c.Delivered += i.victims.delivered
	c.Filtered += i.victims.filtered + i.victims.waiting.Dropped
	c.Lost[probe.Undecodable] += i.victims.malformed
	i.programs.AddLost(&c)
	return c
}

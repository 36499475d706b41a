// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package syscalls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Factory describes the Instrument.
func Factory() probe.Factory {
	loses := []string{"calls of 32-bit programs", "calls that do not come back, as exit_group"}
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "syscalls",
			Kind:      probe.Instrument,
			Summary:   "System calls of processes: how many, how long, and with which errors they fail",
			Signals:   probe.Metrics,
			DependsOn: []string{inkernel.Discovery},
			Joins:     inkernel.Discovery,
			Stability: component.StabilityLevelDevelopment,
			OptIn:     true, // it looks at each system call of the host
			Variants: []probe.Variant{
				{Name: "tp_btf", Spec: loadObject, Loses: loses, Programs: []string{"syscalls_enter", "syscalls_exit", "syscalls_thread_exit"}},
				{Name: "raw_tp", Spec: loadObject, Loses: loses, Programs: []string{"syscalls_raw_enter", "syscalls_raw_exit", "syscalls_raw_thread_exit"}},
			},
		},
		// 8192 are 16 MiB: 100 processes that make 40 different calls, on two processors.
		DefaultConfig: func() any { return &inkernel.Config{MaxSeries: 8192} },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*inkernel.Config)
			if !ok {
				return nil, fmt.Errorf("configuration is a %T, not a %T", config, cfg)
			}
			return &Instrument{
				set: set, cfg: cfg,
				calls:  inkernel.NewTable[dims, value](set, callSchema()),
				failed: inkernel.NewTable[dims, failures](set, errorSchema()),
			}, nil
		},
	}
}

// Counters of bpf/syscalls.bpf.c.
const (
	countThreadsFull = inkernel.FirstCounter + iota
	countErrorsFull
)

// Instrument is the probe.
type Instrument struct {
	set      probe.Settings
	cfg      *inkernel.Config
	programs *inkernel.Programs
	calls    *inkernel.Table[dims, value]
	failed   *inkernel.Table[dims, failures]
}

var (
	_ probe.Collector  = (*Instrument)(nil)
	_ probe.Flusher    = (*Instrument)(nil)
	_ probe.Accountant = (*Instrument)(nil)
)

// Load implements [probe.Probe].
func (i *Instrument) Load(_ context.Context, l *probe.Loading) error {
	sizes := map[string]uint32{"syscall_values": i.cfg.MaxSeries, "syscall_failed": i.cfg.MaxSeries}
	p, err := inkernel.Load(l, i.set.Logger, sizes, nil, func(e *discovery.Event) {
		i.calls.Happened(e)
		i.failed.Happened(e)
	})
	if err != nil {
		return err
	}
	i.programs = p
	i.calls.Open(p.Map("syscall_values"))
	i.failed.Open(p.Map("syscall_failed"))
	return nil
}

// Attach implements [probe.Probe].
func (i *Instrument) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	return i.programs.Attach(t)
}

// Close implements [probe.Probe].
func (i *Instrument) Close() error {
	i.programs.Close()
	i.programs = nil
	return nil
}

// Flush implements [probe.Flusher].
func (i *Instrument) Flush() {
	i.calls.Last()
	i.failed.Last()
}

// Collect implements [probe.Collector].
func (i *Instrument) Collect(_ context.Context, now time.Time) error {
	return errors.Join(i.calls.Collect(now), i.failed.Collect(now))
}

// Counts implements [probe.Accountant], as of the last collection.
func (i *Instrument) Counts() probe.Counts {
	var c probe.Counts
	i.calls.Account().AddTo(&c)
	if i.programs != nil {
		full := i.programs.Counter(countThreadsFull)
		c.Lost[probe.MapFull] += full
		c.Seen += full
		c.Incomplete += i.programs.Counter(countErrorsFull)
	}
	i.programs.AddLost(&c)
	return c
}

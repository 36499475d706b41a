// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package inkernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Config is the configuration of an Instrument that has nothing else to configure.
type Config struct {
	// MaxSeries bounds what is kept in the kernel: the processes, times the attribute sets
	// of each, times the shares of the processors that they ran on.
	MaxSeries uint32 `mapstructure:"max_series"`
}

// Validate implements confmap's validator.
func (c *Config) Validate() error {
	if c.MaxSeries < 64 || c.MaxSeries > 1<<20 {
		return fmt.Errorf("max_series: %d is not from 64 to 1048576", c.MaxSeries)
	}
	return nil
}

// Instrument is a probe whose programs do nothing but fill one hash of values V. Others
// embed none of it, but use Programs and Table themselves.
type Instrument[D comparable, V any] struct {
	set      probe.Settings
	opts     Options
	programs *Programs
	table    *Table[D, V]
}

// Options are those of an [Instrument].
type Options struct {
	Hash string // the name of the hash
	Size uint32 // of it, in entries
	// Lost says what counters of agg_counters count besides what the hash had no space for.
	Lost map[uint32]probe.Cause
	// Incomplete are counters of events that were counted without all that belongs to them.
	Incomplete []uint32
	// Account adds what is lost that only the probe's maps tell. It may be nil.
	Account func(p *Programs, c *probe.Counts)
	// Attached is called when the programs have been attached. It may be nil.
	Attached func(*Programs) error
}

// NewInstrument makes an Instrument.
func NewInstrument[D comparable, V any](set probe.Settings, opts Options, schema Schema[D]) *Instrument[D, V] {
	return &Instrument[D, V]{set: set, opts: opts, table: NewTable[D, V](set, schema)}
}

// Load implements [probe.Probe].
func (i *Instrument[D, V]) Load(_ context.Context, l *probe.Loading) error {
	p, err := Load(l, i.set.Logger, map[string]uint32{i.opts.Hash: i.opts.Size}, nil, func(e *discovery.Event) { i.table.Happened(e) })
	if err != nil {
		return err
	}
	i.programs = p
	i.table.Open(p.Map(i.opts.Hash))
	return nil
}

// Attach implements [probe.Probe].
func (i *Instrument[D, V]) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	links, err := i.programs.Attach(t)
	if err != nil || i.opts.Attached == nil {
		return links, err
	}
	if err := i.opts.Attached(i.programs); err != nil {
		return nil, errors.Join(err, links.Close())
	}
	return links, nil
}

// Close implements [probe.Probe].
func (i *Instrument[D, V]) Close() error {
	i.programs.Close()
	i.programs = nil
	return nil
}

// Flush implements [probe.Flusher].
func (i *Instrument[D, V]) Flush() { i.table.Last() }

// Collect implements [probe.Collector].
func (i *Instrument[D, V]) Collect(_ context.Context, now time.Time) error {
	return i.table.Collect(now)
}

// Counts implements [probe.Accountant], as of the last collection.
func (i *Instrument[D, V]) Counts() probe.Counts {
	var c probe.Counts
	i.table.Account().AddTo(&c)
	if i.programs != nil {
		for counter, cause := range i.opts.Lost {
			n := i.programs.Counter(counter)
			c.Lost[cause] += n
			c.Seen += n
		}
		for _, counter := range i.opts.Incomplete {
			c.Incomplete += i.programs.Counter(counter)
		}
		if i.opts.Account != nil {
			i.opts.Account(i.programs, &c)
		}
	}
	i.programs.AddLost(&c)
	return c
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package inkernel

import (
	"context"
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
	hash     string
	size     uint32
	programs *Programs
	table    *Table[D, V]
}

// NewInstrument makes one that reads the hash of that name.
func NewInstrument[D comparable, V any](set probe.Settings, hash string, size uint32, schema Schema[D]) *Instrument[D, V] {
	return &Instrument[D, V]{set: set, hash: hash, size: size, table: NewTable[D, V](set, schema)}
}

// Load implements [probe.Probe].
func (i *Instrument[D, V]) Load(_ context.Context, l *probe.Loading) error {
	p, err := Load(l, i.set.Logger, map[string]uint32{i.hash: i.size}, nil, func(e *discovery.Event) { i.table.Exited(e) })
	if err != nil {
		return err
	}
	i.programs = p
	i.table.Open(p.Map(i.hash))
	return nil
}

// Attach implements [probe.Probe].
func (i *Instrument[D, V]) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	return i.programs.Attach(t)
}

// Close implements [probe.Probe].
func (i *Instrument[D, V]) Close() error {
	i.programs.Close()
	i.programs = nil
	return nil
}

// Collect implements [probe.Collector].
func (i *Instrument[D, V]) Collect(_ context.Context, now time.Time) error { return i.table.Collect(now) }

// Counts implements [probe.Accountant], as of the last collection.
func (i *Instrument[D, V]) Counts() probe.Counts {
	var c probe.Counts
	i.table.Account().AddTo(&c)
	i.programs.AddLost(&c)
	return c
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package inkernel

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"slices"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/hook"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Discovery is the Daemon that these probes depend on and join.
const Discovery = "discovery"

// maxStripes bounds the entries that a process of many threads takes in a hash.
const maxStripes = 8

// Programs is a loaded object that includes bpf/include/aggregate.h.
type Programs struct {
	log    *zap.Logger
	coll   *ebpf.Collection
	hooks  map[string]*ebpf.ProgramSpec
	cancel func()
}

// Load loads the object with hashes of the given sizes and constants, and has onEvent
// called for each exec and exit of a process. A failed Load leaves nothing behind.
func Load(l *probe.Loading, log *zap.Logger, sizes map[string]uint32, constants map[string]any, onEvent func(*discovery.Event)) (*Programs, error) {
	events, ok := l.Dependencies[Discovery].(discovery.Events)
	if !ok {
		return nil, fmt.Errorf("the Daemon %q hands on no events of processes", Discovery)
	}
	for name, n := range sizes {
		if m := l.Spec.Maps[name]; m != nil {
			m.MaxEntries = n
		}
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("count the processors: %w", err)
	}
	stripes := uint32(1) << bits.Len32(uint32(min(cpus, maxStripes)-1))
	for name, v := range map[string]any{"agg_stripes": stripes - 1} {
		if c := l.Spec.Variables[name]; c != nil {
			if err := c.Set(v); err != nil {
				return nil, fmt.Errorf("constant %s: %w", name, err)
			}
		}
	}
	for name, v := range constants {
		if err := l.Spec.Variables[name].Set(v); err != nil {
			return nil, fmt.Errorf("constant %s: %w", name, err)
		}
	}
	p := &Programs{log: log, hooks: maps.Clone(l.Spec.Programs)} // the library empties the specification
	if p.coll, err = l.Collection(); err != nil {
		return nil, err
	}
	p.cancel = func() {}
	if onEvent != nil {
		p.cancel = events.Subscribe(onEvent)
	}
	return p, nil
}

// Map is one of the object's.
func (p *Programs) Map(name string) *ebpf.Map { return p.coll.Maps[name] }

// Program is one of the object's.
func (p *Programs) Program(name string) *ebpf.Program { return p.coll.Programs[name] }

// Set sets one of the object's variables.
func (p *Programs) Set(name string, value any) error {
	if err := p.coll.Variables[name].Set(value); err != nil {
		return fmt.Errorf("variable %s: %w", name, err)
	}
	return nil
}

var errScope = errors.New("observes the whole host only")

// Attach attaches all programs but iterators, or none. What it returns detaches them.
func (p *Programs) Attach(t probe.Target) (io.Closer, error) {
	if t.Scope != probe.Host {
		return nil, errScope
	}
	var links closers
	for _, name := range slices.Sorted(maps.Keys(p.hooks)) {
		spec := p.hooks[name]
		if spec.AttachType == ebpf.AttachTraceIter {
			continue
		}
		l, err := hook.Attach(spec, p.coll.Programs[name])
		if err != nil {
			return nil, errors.Join(err, links.Close())
		}
		links = append(links, l)
	}
	return &links, nil
}

// Close unloads. It may be called of nil.
func (p *Programs) Close() {
	if p != nil {
		p.cancel()
		p.coll.Close()
	}
}

// mapFull is AGG_MAP_FULL of bpf/include/aggregate.h.
const mapFull = 0

// FirstCounter is the first of agg_counters that a probe uses for itself.
const FirstCounter = 1

// Counter sums a counter of agg_counters.
func (p *Programs) Counter(index uint32) uint64 {
	var perCPU []uint64
	if err := p.coll.Maps["agg_counters"].Lookup(index, &perCPU); err != nil {
		p.log.Warn("A counter cannot be read", zap.Uint32("index", index), zap.Error(err))
		return 0
	}
	var sum uint64
	for _, n := range perCPU {
		sum += n
	}
	return sum
}

// AddLost adds to an account what the kernel lost: what a hash had no space for, and runs
// of programs that it skipped. It may be called of nil.
func (p *Programs) AddLost(c *probe.Counts) {
	if p == nil {
		return
	}
	lost := p.Counter(mapFull)
	c.Lost[probe.MapFull] += lost
	c.Seen += lost
	for _, prog := range p.coll.Programs {
		if stats, err := prog.Stats(); err == nil { // kernels before v5.12 do not count it
			c.Lost[probe.Missed] += stats.RecursionMisses
			c.Seen += stats.RecursionMisses
		}
	}
}

// AddTo adds the events of a table to an account.
func (a Account) AddTo(c *probe.Counts) {
	c.Delivered += a.Delivered
	c.Filtered += a.Filtered
	c.Lost[probe.Unmatched] += a.Unmatched
	c.Seen += a.Delivered + a.Filtered + a.Unmatched
}

// closers close in reverse order.
type closers []io.Closer

func (c *closers) Close() error {
	var errs []error
	for _, one := range slices.Backward(*c) {
		errs = append(errs, one.Close())
	}
	*c = nil
	return errors.Join(errs...)
}

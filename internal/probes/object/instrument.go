// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const (
	kind   = "object"
	daemon = "discovery"
)

// base is what the manifests of all objects share.
func base() probe.Manifest {
	return probe.Manifest{
		Name:      kind,
		Kind:      probe.Instrument,
		Summary:   "Spans, metrics and logs of a BPF object of the user's.",
		Stability: component.StabilityLevelDevelopment,
		OptIn:     true,
	}
}

// Factory makes the Instruments of objects. Each is configured under a name of its own, as
// "object/slow".
func Factory() probe.Factory {
	return probe.Factory{
		Manifest:      base(),
		DefaultConfig: defaultConfig,
		New: func(probe.Settings, any) (probe.Probe, error) {
			return nil, errors.New("an object needs a name, as in object/mine")
		},
		Instance: instance,
	}
}

// instance reads the objects of one Instrument and compiles what they become.
func instance(name string, config any) (probe.Factory, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return probe.Factory{}, fmt.Errorf("configuration is a %T, not a %T", config, cfg)
	}
	var all []*variant
	for _, v := range cfg.variants() {
		one, err := prepare(cfg, &v)
		if err != nil {
			if len(cfg.Variants) > 0 {
				err = fmt.Errorf("variant %s: %w", v.Name, err)
			}
			return probe.Factory{}, err
		}
		all = append(all, one)
	}
	return probe.Factory{
		Manifest:      manifest(name, all),
		DefaultConfig: defaultConfig,
		New:           func(set probe.Settings, _ any) (probe.Probe, error) { return newInstrument(cfg, all, set), nil },
	}, nil
}

var (
	_ probe.RingReader = (*Instrument)(nil)
	_ probe.Collector  = (*Instrument)(nil)
	_ probe.Ticker     = (*Instrument)(nil)
	_ probe.Flusher    = (*Instrument)(nil)
	_ probe.Accountant = (*Instrument)(nil)
)

// Instrument is one object. It is used on one goroutine, but for Attach and what it returns.
type Instrument struct {
	cfg      *Config
	set      probe.Settings
	variants []*variant
	shared   *shared
	limit    limiter

	v          *variant // that is loaded
	collection *ebpf.Collection
	sinks      []*sink
	processes  processes
	late       []late
	now        time.Time // of the last tick
	entry      []byte    // reused
	counts     probe.Counts
	warned     map[string]bool

	events   discovery.Events // nil if nothing attaches to processes
	mu       sync.Mutex       // Attach may be called while the goroutine runs
	iters    map[string]*link.Iter
	follower *follower
}

// processes finds processes by their IDs, also some time after their end.
type processes interface {
	Recent(pid uint32) *probe.ProcessInfo
}

func newInstrument(cfg *Config, variants []*variant, set probe.Settings) *Instrument {
	return &Instrument{
		cfg: cfg, set: set, variants: variants, shared: newShared(&set), limit: limiter{limit: uint64(cfg.Limits.EventsPerSecond)},
		warned: map[string]bool{},
	}
}

// Load implements [probe.Probe].
func (i *Instrument) Load(_ context.Context, l *probe.Loading) error {
	n := slices.IndexFunc(i.variants, func(v *variant) bool { return v.cfg.Name == l.Variant.Name })
	if n < 0 {
		return fmt.Errorf("there is no variant %q", l.Variant.Name)
	}
	v := i.variants[n]
	if v.plan.processes() {
		p, ok := l.Dependencies[daemon].(processes)
		if !ok {
			return fmt.Errorf("the Daemon %q knows no processes", daemon)
		}
		i.processes = p
	}
	if v.selected() {
		e, ok := l.Dependencies[daemon].(discovery.Events)
		if !ok {
			return fmt.Errorf("the Daemon %q does not tell of processes", daemon)
		}
		i.events = e
	}
	c, err := l.Collection()
	if err != nil {
		return fmt.Errorf("load the object: %w", err)
	}
	i.v, i.collection = v, c
	i.shared.maps = c.Maps
	start := i.set.Clock.Timestamp(i.set.Clock.Now())
	i.sinks = nil
	for _, o := range v.plan.outputs {
		if k := newSink(o, i.shared, i.cfg.Limits.Cardinality, start); k.wanted() {
			i.sinks = append(i.sinks, k)
		}
	}
	i.now = time.Now()
	i.limit.renew(i.now)
	return nil
}

// Attach implements [probe.Probe].
func (i *Instrument) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	if t.Scope != probe.Host {
		return nil, errors.New("an object attaches where it says, not to targets")
	}
	var all closers
	specs := &specIDs{}
	iters := map[string]*link.Iter{}
	f := newFollower(i, specs)
	for _, name := range slices.Sorted(maps.Keys(i.v.spec.Programs)) {
		a := i.cfg.Attach[name]
		if a.Selected {
			if err := f.add(name, &a); err != nil {
				return nil, errors.Join(err, all.Close())
			}
			continue
		}
		done, err := attach(i.collection, i.v.spec.Programs[name], i.collection.Programs[name], &a, specs)
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all = append(all, &done.closers)
		if done.iter != nil {
			iters[name] = done.iter
		}
	}
	i.setIters(iters)
	all = append(all, closer(func() error { i.setIters(nil); return nil }))
	if len(f.groups) > 0 {
		if err := f.start(); err != nil {
			return nil, errors.Join(err, all.Close())
		}
		i.setFollower(f)
		all = append(all, f, closer(func() error { i.setFollower(nil); return nil }))
	}
	return &all, nil
}

func (i *Instrument) setIters(iters map[string]*link.Iter) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.iters = iters
}

func (i *Instrument) setFollower(f *follower) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.follower = f
}

// Close implements [probe.Probe].
func (i *Instrument) Close() error {
	if i.collection != nil {
		i.collection.Close()
		i.collection = nil
	}
	return nil
}

// Rings implements [probe.RingReader].
func (i *Instrument) Rings() []probe.Ring {
	byMap := inputs(i.sinks)
	var rings []probe.Ring
	for _, name := range slices.Sorted(maps.Keys(byMap)) {
		all := byMap[name]
		rings = append(rings, probe.Ring{
			Map: i.collection.Maps[name],
			Handle: func(rec []byte) {
				for _, in := range all {
					i.handle(in, rec, true)
				}
			},
			Lost: func(n uint64) {
				n *= uint64(len(all))
				i.counts.Seen += n
				i.counts.Lost[probe.RingFull] += n
			},
			PerCPU: i.cfg.Maps[name].PerCPU,
		})
	}
	return rings
}

// late is a record about a process that was not known yet, or an end before its beginning.
type late struct {
	input
	rec []byte
}

// maxLate bounds the records that wait, and their size.
const (
	maxLate     = 1024
	maxLateSize = 4096
)

// handle takes a record for an output. One about an unknown process may wait once: that of
// the process may be on its way.
func (i *Instrument) handle(in input, rec []byte, mayWait bool) {
	if in.role != single {
		i.paired(in, rec, mayWait)
		return
	}
	k := in.sink
	if mayWait {
		i.counts.Seen++
		if len(rec) < k.end {
			i.counts.Lost[probe.Truncated]++
			return
		}
	}
	var p *probe.ProcessInfo
	if k.process != nil {
		pid := uint32(k.process.Int(rec))
		if p = i.processes.Recent(pid); p == nil {
			if mayWait && i.wait(in, rec) {
				return
			}
			if !k.keep {
				i.counts.Filtered++
				return
			}
		}
	}
	if !i.limit.allow() {
		i.counts.Lost[probe.Overflow]++
		return
	}
	k.record(rec, p)
	i.counts.Delivered++
}

// Tick implements [probe.Ticker].
func (i *Instrument) Tick(now uint64) {
	i.mu.Lock()
	f := i.follower
	i.mu.Unlock()
	if f != nil {
		f.tick(now)
	}
	i.now = time.Now()
	i.limit.renew(i.now)
	i.handleLate()
	for _, k := range i.sinks {
		if k.pairs != nil {
			i.expire(k.pairs, i.now)
		}
	}
}

func (i *Instrument) handleLate() {
	for n := range i.late {
		i.handle(i.late[n].input, i.late[n].rec, false)
	}
	clear(i.late)
	i.late = i.late[:0]
}

// Flush implements [probe.Flusher].
func (i *Instrument) Flush() {
	i.handleLate()
	for _, k := range i.sinks {
		if k.pairs != nil {
			i.giveUp(k.pairs)
		}
	}
}

// Collect implements [probe.Collector].
func (i *Instrument) Collect(_ context.Context, now time.Time) error {
	i.shared.resolver.clock.renew()
	at := pcommon.NewTimestampFromTime(now)
	var errs []error
	for _, k := range i.sinks {
		var err error
		switch k.src.kind {
		case fromMap:
			k.table.reset()
			err = i.entries(k)
		case fromGlobal:
			k.table.reset()
			err = i.global(k)
		case fromIter:
			if k.table != nil {
				k.table.reset()
			}
			err = i.iterate(k)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", k.what, err))
		}
		if k.table != nil {
			k.table.write(k, at, i.gone)
		}
	}
	return errors.Join(errs...)
}

// gone tells that a process has ended.
func (i *Instrument) gone(p *probe.ProcessInfo) bool {
	return i.set.Processes == nil || i.set.Processes.Lookup(p.PID, p.StartTime) == nil
}

// warn logs something once.
func (i *Instrument) warn(what string, fields ...zap.Field) {
	if !i.warned[what] {
		i.warned[what] = true
		i.set.Logger.Warn(what, fields...)
	}
}

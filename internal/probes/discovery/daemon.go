// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/hook"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

var (
	_ probe.RingReader = (*Daemon)(nil)
	_ probe.MapSharer  = (*Daemon)(nil)
	_ probe.Ticker     = (*Daemon)(nil)
	_ probe.Accountant = (*Daemon)(nil)
	_ probe.Processes  = (*Daemon)(nil)
	_ discovery.Events = (*Daemon)(nil)

	_ discovery.Obituaries = (*Daemon)(nil)
)

// Daemon follows processes. It implements [probe.Processes], which may be used
// from any goroutine between Load and Close.
type Daemon struct {
	cfg       *Config
	selection *discovery.Selection
	logger    *zap.Logger
	clock     probe.Clock
	table     *discovery.Table

	collection *ebpf.Collection
	hooks      map[string]*ebpf.ProgramSpec
	programs   programs // of the variant
	procs      *ebpf.Map
	rules      *ebpf.Map // proc_rules, which no program of this object uses

	event       discovery.Event // reused for each record
	ended       []ended         // in the order of their exits
	deaths      discovery.Deaths
	subscribing sync.Mutex // held by those who change subscribers
	subscribers atomic.Pointer[[]*func(*discovery.Event)]

	handled, undecodable uint64
	notSet               uint64 // decisions that the map had no space for
	swept                uint64 // losses at the time of the last sweep
	asked                uint64 // boot time at which losses were last asked for
}

// askEvery is how often losses are asked for, which takes some system calls, ns.
const askEvery = 1e9

// Load implements [probe.Probe].
func (d *Daemon) Load(_ context.Context, l *probe.Loading) error {
	if err := checkPIDNamespace(); err != nil {
		return err
	}
	rules, err := d.selection.Rules()
	if err != nil {
		return fmt.Errorf("protocols of targets: %w", err)
	}
	if err := d.prepare(l.Spec); err != nil {
		return err
	}
	hooks := maps.Clone(l.Spec.Programs) // the library empties the specification
	c, err := l.Collection()
	if err != nil {
		return fmt.Errorf("load programs that follow processes: %w", err)
	}
	if err := errors.Join(d.configure(c), d.setRules(rules)); err != nil {
		c.Close()
		return err
	}
	d.collection, d.procs = c, c.Maps["procs"]
	d.hooks, d.programs = hooks, programsOf[l.Variant.Name]
	return nil
}

func (d *Daemon) prepare(spec *ebpf.CollectionSpec) error {
	for name, size := range map[string]int{"procs": d.cfg.MaxProcesses, "proc_events": d.cfg.BufferSize} {
		m := spec.Maps[name]
		if m == nil {
			return fmt.Errorf("the object has no map %q", name)
		}
		m.MaxEntries = uint32(size)
	}
	hierarchy, err := mainHierarchy()
	if err != nil {
		return err
	}
	if err := spec.Variables["cgroup1_hierarchy"].Set(hierarchy); err != nil {
		return fmt.Errorf("constant cgroup1_hierarchy: %w", err)
	}
	return nil
}

// setRules makes the map that tells the kernel what protocols targets speak.
func (d *Daemon) setRules(rules []discovery.Rule) error {
	spec, err := loadProcess()
	if err != nil {
		return err
	}
	layout := spec.Maps["proc_rules"]
	layout.MaxEntries = uint32(max(len(rules), 1))
	if d.rules, err = ebpf.NewMap(layout); err != nil {
		return fmt.Errorf("the protocols of targets: %w", err)
	}
	for _, r := range rules {
		key := procRule{target: r.Target, port: uint32(r.Port)}
		if err := d.rules.Put(key.bytes(), r.Value); err != nil {
			err = errors.Join(err, d.rules.Close())
			return fmt.Errorf("the protocols of targets: %w", err)
		}
	}
	return nil
}

// mainHierarchy is the number of the hierarchy of version 1 that tells control
// groups apart beside the unified one, or 0.
func mainHierarchy() (int32, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // a kernel without control groups
	}
	if err != nil {
		return 0, fmt.Errorf("read the control groups: %w", err)
	}
	return discovery.MainHierarchy(string(text)), nil
}

// configure tells the kernel what it does with processes that are not decided
// on. Without targets and exclusions there is nothing to decide.
func (d *Daemon) configure(c *ebpf.Collection) error {
	config := procConfig{absent: stateIgnored, onExec: statePending}
	if d.selection.All() {
		config.absent = stateSelected
		if len(d.selection.Exclude) == 0 {
			config.onExec = stateSelected
		}
	}
	if d.selection.NeedsPorts() {
		config.wantListen = 1
	}
	if err := c.Maps["proc_config"].Put(uint32(0), config.bytes()); err != nil {
		return fmt.Errorf("configure programs that follow processes: %w", err)
	}
	if d.selection.Self == 0 {
		return nil
	}
	if err := c.Maps["procs"].Put(d.selection.Self, (&proc{state: stateIgnored}).bytes()); err != nil {
		return fmt.Errorf("leave the collector out: %w", err)
	}
	return nil
}

// Attach implements [probe.Probe]. It then decides on the processes that run
// already.
func (d *Daemon) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	if t.Scope != probe.Host {
		return nil, errors.New("follows processes of the whole host only")
	}
	var links closers
	for _, name := range slices.Sorted(maps.Keys(d.hooks)) {
		l, err := hook.Attach(d.hooks[name], d.collection.Programs[name])
		if err != nil {
			return nil, errors.Join(err, links.Close())
		}
		links = append(links, l)
	}
	if err := d.table.Scan(); err != nil {
		return nil, errors.Join(err, links.Close())
	}
	return &links, nil
}

// Close implements [probe.Probe].
func (d *Daemon) Close() error {
	if d.collection == nil {
		return nil
	}
	d.collection.Close()
	d.collection = nil
	return d.rules.Close()
}

// Deaths implements [discovery.Obituaries].
func (d *Daemon) Deaths() *discovery.Deaths { return &d.deaths }

// Rings implements [probe.RingReader].
func (d *Daemon) Rings() []probe.Ring {
	return []probe.Ring{{Map: d.collection.Maps["proc_events"], Handle: d.handle}}
}

// SharedMaps implements [probe.MapSharer].
func (d *Daemon) SharedMaps() map[string]*ebpf.Map {
	return map[string]*ebpf.Map{"procs": d.procs, "proc_config": d.collection.Maps["proc_config"], "proc_rules": d.rules}
}

// Lookup implements [probe.Processes].
func (d *Daemon) Lookup(pid uint32, start uint64) *probe.ProcessInfo {
	return d.table.Lookup(pid, start)
}

// Recent is [discovery.Table.Recent].
func (d *Daemon) Recent(pid uint32) *probe.ProcessInfo { return d.table.Recent(pid) }

// Selected is the number of selected processes that run.
func (d *Daemon) Selected() int { return d.table.Len() }

// Subscribe implements [discovery.Events]. It may be called, and so may cancel, while
// events are handed on: those that are detached while the receiver ends do so. An event
// that is being handed on may still arrive then.
func (d *Daemon) Subscribe(fn func(*discovery.Event)) (cancel func()) {
	d.subscribing.Lock()
	defer d.subscribing.Unlock()
	own := &fn
	d.subscribers.Store(new(append(slices.Clone(d.subscribed()), own)))
	return func() {
		d.subscribing.Lock()
		defer d.subscribing.Unlock()
		d.subscribers.Store(new(slices.DeleteFunc(slices.Clone(d.subscribed()), func(other *func(*discovery.Event)) bool { return other == own })))
	}
}

// subscribed gives those that events are handed on to, in their order.
func (d *Daemon) subscribed() []*func(*discovery.Event) {
	if all := d.subscribers.Load(); all != nil {
		return *all
	}
	return nil
}

func (d *Daemon) handle(record []byte) {
	e := &d.event
	if err := decode(record, e); err != nil {
		d.undecodable++
		d.logger.Debug("Dropped a record about a process.", zap.Error(err))
		return
	}
	d.handled++
	d.table.Handle(e)
	if e.Kind != discovery.Exec && e.Kind != discovery.Exit {
		return
	}
	if e.Kind == discovery.Exit {
		(*states)(d).end(e.PID, e.Time)
	}
	d.publish(e)
}

func (d *Daemon) publish(e *discovery.Event) {
	for _, fn := range d.subscribed() {
		(*fn)(e)
	}
}

// Tick implements [probe.Ticker].
func (d *Daemon) Tick(now uint64) {
	d.table.Tick(now)
	(*states)(d).forgetEnded(now)
	if now-d.asked < askEvery {
		return
	}
	d.asked = now
	// An exit that was lost leaves a process behind.
	lost := d.Lost(discovery.Exit)
	if n := lost[probe.RingFull] + lost[probe.Missed]; n != d.swept {
		d.swept = n
		d.table.Sweep(now)
	}
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

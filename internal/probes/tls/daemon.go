// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/hits"
	hooks "github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/hook"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/socket"
	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

var (
	_ probe.Probe      = (*daemon)(nil)
	_ probe.Ticker     = (*daemon)(nil)
	_ probe.Accountant = (*daemon)(nil)
)

type daemon struct {
	set    probe.Settings
	cfg    *Config
	kernel uprobe.Kernel
	multi  bool

	socket  socket.Extensible
	events  discovery.Events
	coll    *ebpf.Collection
	seen    *ebpf.Map // processes that use TLS, of the Daemon socket
	files   *discovery.Files
	waiting map[process]look
	unseen  map[string]bool // executables that were said to be
	looked  uint64          // at all processes
	swept   uint64          // all connections
	joined  uint64          // runs of plaintext, when that was last asked
	heard   uint64          // when there were more of them than before
	sweep   *hooks.Sweep
	budget  *hits.Budget // nil: none
	gaps    *ebpf.Map    // of the Daemon socket: what was not seen of processes
	gapped  bool

	// What is said by the Daemon discovery, on its goroutine.
	mu    sync.Mutex
	haste haste
	queue []event
	full  uint64 // events that the queue had no space for

	cancel   func() // ends what discovery says
	attached bool
	running  sync.Mutex // Tick and the end of Attach
}

type process struct {
	pid   uint32
	start uint64
}

// look is when a process is looked at next, boot time, ns.
type look struct {
	due, since uint64
	step       int  // of steps, which is the next one
	hasty      bool // the next tick may not come in time by itself
}

type event struct {
	process
	exit, hasty bool
	at          uint64 // boot time, ns
}

// maxQueue bounds the events between two ticks. One that does not fit is made up for
// by the next sweep.
const maxQueue = 16384

func newDaemon(set probe.Settings, cfg *Config) *daemon {
	d := &daemon{set: set, cfg: cfg, waiting: map[process]look{}, unseen: map[string]bool{}}
	d.files = discovery.NewFiles(discovery.FilesOptions{
		Wanted: wanted, Attach: d.attach, Linger: cfg.Linger, Max: cfg.MaxFiles,
	})
	return d
}

// wanted tells the files that are looked into: libraries by their names, executables,
// which may have a library linked in, and of a process that is known to use TLS all
// the others too.
func wanted(path string, main, certain bool) bool {
	return main || isLibrary(path) || certain && !neverEncrypts(path)
}

// Load implements [probe.Probe].
func (d *daemon) Load(_ context.Context, l *probe.Loading) error {
	var ok bool
	if d.socket, ok = l.Dependencies["socket"].(socket.Extensible); !ok {
		return errors.New("the probe \"socket\" cannot be extended")
	}
	if d.events, ok = l.Dependencies["discovery"].(discovery.Events); !ok {
		return errors.New("the probe \"discovery\" does not tell of processes")
	}
	if l.Options.MapReplacements["tls_conns"] == nil {
		return errors.New("this variant of the probe \"socket\" does not recognize encrypted connections")
	}
	if err := d.socket.Prepare(l.Spec); err != nil {
		return err
	}
	types, err := l.Options.Cache.Kernel()
	if err != nil {
		return fmt.Errorf("the kernel's types cannot be read: %w", err)
	}
	d.kernel = uprobe.KernelOf(types)
	coll, err := l.Collection()
	if err != nil {
		return err
	}
	if err := d.socket.Follow(coll.Variables); err != nil {
		coll.Close()
		return err
	}
	if d.budget, err = hits.New(d.cfg.MaxHitsPerSecond, coll, d.set.Logger, d.gap); err != nil {
		coll.Close()
		return err
	}
	d.gaps = l.Options.MapReplacements["tls_gaps"]
	d.coll, d.multi = coll, l.Variant.Name == uprobeMulti
	d.cancel = d.events.Subscribe(d.happened)
	d.seen = l.Options.MapReplacements["tls_processes"]
	return nil
}

// Close implements [probe.Probe].
func (d *daemon) Close() error {
	if d.cancel != nil {
		d.cancel()
		d.cancel = nil
	}
	if d.coll != nil {
		d.coll.Close()
		d.coll = nil
	}
	return nil
}

// Attach implements [probe.Probe]. The target is the host: the files that processes
// map are found while it runs, from the next tick on.
func (d *daemon) Attach(_ context.Context, t probe.Target) (_ io.Closer, err error) {
	if t.Scope != probe.Host {
		return nil, errors.New("the probe finds executables by itself, and takes no target but the host")
	}
	if err := d.socket.Encrypted(true); err != nil {
		return nil, fmt.Errorf("the kernel cannot be told to follow encrypted connections: %w", err)
	}
	d.running.Lock()
	defer d.running.Unlock()
	sweep := iterated
	if d.multi {
		sweep = called
	}
	d.sweep, err = hooks.NewSweep(d.coll.Programs[sweep], d.coll.Maps["tls_conns"])
	if err != nil {
		return nil, errors.Join(fmt.Errorf("attach %s: %w", sweep, err), d.socket.Encrypted(false))
	}
	d.attached = true
	pids, err := discovery.Running()
	if err != nil {
		d.attached = false
		return nil, errors.Join(fmt.Errorf("list processes: %w", err), d.sweep.Close(), d.socket.Encrypted(false))
	}
	for _, p := range pids {
		if d.set.Processes.Lookup(p.PID, p.Start) != nil {
			d.files.Look(p.PID, p.Start, false)
		}
	}
	return closerFunc(func() error {
		err := d.socket.Encrypted(false)
		d.running.Lock()
		defer d.running.Unlock()
		d.attached = false
		return errors.Join(err, d.files.Close(), socket.LastSweep(d.coll, d.sweep), d.sweep.Close())
	}), nil
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// happened takes what the Daemon discovery says, on its goroutine.
func (d *daemon) happened(e *discovery.Event) {
	if e.Kind == discovery.Exec && e.Process == nil {
		return // not selected
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) >= maxQueue {
		d.full++
		return
	}
	exit := e.Kind == discovery.Exit
	hasty := !exit && d.haste.allows(e.Process.Executable, e.Time)
	d.queue = append(d.queue, event{process{e.PID, e.Start}, exit, hasty, e.Time})
	if hasty {
		d.tickIn(0)
	}
}

func (d *daemon) tickIn(in time.Duration) {
	if d.set.TickIn != nil {
		d.set.TickIn(in)
	}
}

// attach is called for each file that may have something to attach to.
func (d *daemon) attach(f probe.File, open *os.File) io.Closer {
	l, err := examine(open, d.kernel)
	if errors.Is(err, errNothing) {
		return nil
	}
	log := d.set.Logger.With(zap.String("file", f.Path))
	if err != nil {
		log.Warn("A library that encrypts is of no known form", zap.Error(err))
		return nil
	}
	points := make([]uprobe.Hook, 0, len(l.hooks))
	for _, h := range l.hooks {
		p := d.coll.Programs[h.program]
		if p == nil {
			log.Warn("A library that encrypts needs a program that this machine's architecture does not have", zap.String("program", h.program))
			return nil
		}
		points = append(points, uprobe.Hook{Program: p, Points: h.points, Cookie: h.cookie})
	}
	c, err := d.hold(f.Path, open, points)
	if err != nil {
		log.Warn("What a library encrypts cannot be seen", zap.String("library", l.name), zap.Error(err))
		return nil
	}
	log.Info("What a library encrypts is seen", zap.String("library", l.name), zap.String("attached_to", l.how))
	return c
}

// hold attaches, within the budget if there is one.
func (d *daemon) hold(path string, open *os.File, points []uprobe.Hook) (io.Closer, error) {
	o := uprobe.Options{Multi: d.multi, AllowSlow: d.cfg.AllowSlowUprobes}
	if d.budget == nil {
		return uprobe.Attach(open, points, o)
	}
	held, err := uprobe.Hold(open, points, o)
	if err != nil {
		return nil, err
	}
	return d.budget.Hold(held, path, d.set.Clock.Now()), nil
}

// gap tells the kernel, before a file is attached again, that of the connections of its processes
// a part was not seen.
func (d *daemon) gap(c io.Closer) error {
	if d.gaps == nil {
		return nil
	}
	var errs []error
	for _, pid := range d.files.Users(c) {
		var n uint8
		if err := d.gaps.Lookup(pid, &n); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, fmt.Errorf("read a gap: %w", err))
			continue
		}
		if err := d.gaps.Put(pid, n+1); err != nil {
			errs = append(errs, fmt.Errorf("note a gap: %w", err))
		}
	}
	if !d.gapped {
		err := d.socket.Gapped()
		d.gapped = err == nil
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/hits"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/socket"
	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

var (
	_ probe.Probe      = (*instrument)(nil)
	_ probe.Ticker     = (*instrument)(nil)
	_ probe.Accountant = (*instrument)(nil)
)

type instrument struct {
	set    probe.Settings
	cfg    *Config
	kernel uprobe.Kernel
	multi  bool
	budget *hits.Budget // nil: none

	socket    socket.Goroutines
	events    discovery.Events
	coll      *ebpf.Collection
	processes *ebpf.Map // of the Daemon socket: those that are followed
	marks     marks     // the same in short

	// mu guards the rest: Attach, Tick and its end may run at a time.
	mu       sync.Mutex
	attached bool
	files    *discovery.Files
	swept    uint64
	full     uint64 // processes that there was no space for
	asked    uint64 // how many programs the kernel said had asked, when it was last looked
	again    bool   // some process that may have asked was found again

	// What the Daemon discovery says, on its goroutine.
	queued sync.Mutex
	queue  []event
	missed uint64 // events that the queue had no space for
}

type event struct {
	pid   uint32
	start uint64
	exit  bool
}

func newInstrument(set probe.Settings, cfg *Config) *instrument {
	i := &instrument{set: set, cfg: cfg}
	i.files = discovery.NewFiles(discovery.FilesOptions{
		Wanted: func(_ string, main, _ bool) bool { return main },
		Attach: i.attach, Linger: cfg.Linger, Max: cfg.MaxFiles,
	})
	return i
}

// Load implements [probe.Probe].
func (i *instrument) Load(_ context.Context, l *probe.Loading) error {
	var ok bool
	if i.socket, ok = l.Dependencies[socketDaemon].(socket.Goroutines); !ok {
		return errors.New("the probe \"socket\" cannot follow goroutines")
	}
	if i.events, ok = l.Dependencies[discoveryDaemon].(discovery.Events); !ok {
		return errors.New("the probe \"discovery\" does not tell of processes")
	}
	i.processes, i.marks.words = l.Options.MapReplacements["go_processes"], i.socket.GoMarks()
	if i.processes == nil || i.marks.words == nil {
		return errors.New("this variant of the probe \"socket\" does not know goroutines")
	}
	types, err := l.Options.Cache.Kernel()
	if err != nil {
		return fmt.Errorf("the kernel's types cannot be read: %w", err)
	}
	i.kernel = uprobe.KernelOf(types)
	coll, err := l.Collection()
	if err != nil {
		return err
	}
	if i.budget, err = hits.New(i.cfg.MaxHitsPerSecond, coll, i.set.Logger, func(io.Closer) error { return nil }); err != nil {
		coll.Close()
		return err
	}
	i.coll, i.multi = coll, l.Variant.Name == uprobeMulti
	i.socket.GoRoutes(coll.Maps["go_route_texts"])
	return nil
}

// Close implements [probe.Probe].
func (i *instrument) Close() error {
	if i.coll != nil {
		i.socket.GoRoutes(nil)
		i.coll.Close()
		i.coll = nil
	}
	return nil
}

// attach is called for each executable of a Go program, once.
func (i *instrument) attach(f probe.File, open *os.File) io.Closer {
	log := i.set.Logger.With(zap.String("executable", f.Path))
	b, err := examine(open, i.kernel)
	if err != nil {
		if !errors.Is(err, errNotGo) {
			log.Warn("Goroutines of a Go program are not followed", zap.Error(err))
		}
		return nil
	}
	if !i.set.Signals.Has(probe.Traces) {
		b.hooks = slices.DeleteFunc(b.hooks, hook.parents)
	}
	a := &attached{binary: b, log: log, path: f.Path}
	if err := i.hook(a, open, b.hooks); err != nil {
		log.Warn("Goroutines of a Go program are not followed", zap.Error(err))
		return nil
	}
	if a.file, err = uprobe.Reopen(open); err != nil {
		log.Warn("Goroutines that a Go program starts are not followed", zap.Error(err))
	}
	log.Info("Goroutines of a Go program are followed", zap.String("toolchain", b.version))
	for what, err := range map[string]error{
		"The routes of its requests are not known":                b.noRoutes,
		"The routes that a router of it chooses are not known":    errors.Join(b.noRouters...),
		"What its requests of HTTP/2 are served by is not known":  b.noStreams,
		"What its calls of gRPC are made for is not always known": b.noCalls,
	} {
		if err != nil {
			log.Info(what, zap.Error(err))
		}
	}
	return a
}

// hook attaches these of the executable's hooks, within the budget if there is one.
func (i *instrument) hook(a *attached, open *os.File, hooks []hook) error {
	if len(hooks) == 0 {
		return nil
	}
	all := make([]uprobe.Hook, 0, len(hooks))
	for _, h := range hooks {
		all = append(all, uprobe.Hook{Program: i.coll.Programs[h.program], Points: h.points, Cookie: h.cookie})
	}
	o := uprobe.Options{Multi: i.multi, AllowSlow: i.cfg.AllowSlowUprobes}
	switch {
	case a.held != nil:
		return a.held.Add(all)
	case i.budget != nil:
		held, err := uprobe.Hold(open, all, o)
		if err != nil {
			return err
		}
		a.held = held
		a.links = append(a.links, i.budget.Hold(held, a.path, i.set.Clock.Now()))
		return nil
	}
	c, err := uprobe.Attach(open, all, o)
	if err == nil {
		a.links = append(a.links, c)
	}
	return err
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const (
	// maxQueue bounds the events between two ticks. What does not fit is made up for by the
	// next sweep.
	maxQueue = 16384
	// sweepEvery is the pace at which all processes are looked at again, ns.
	sweepEvery = 60e9
)

// Attach implements [probe.Probe]. The target is the host: executables are found by their
// processes.
func (i *instrument) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	if t.Scope != probe.Host {
		return nil, errors.New("the probe finds executables by itself, and takes no target but the host")
	}
	if err := i.socket.FollowGoroutines(true); err != nil {
		return nil, fmt.Errorf("the kernel cannot be told to follow goroutines: %w", err)
	}
	cancel := i.events.Subscribe(i.happened)
	running, err := discovery.Running()
	if err != nil {
		cancel()
		return nil, errors.Join(fmt.Errorf("list processes: %w", err), i.socket.FollowGoroutines(false))
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.attached = true
	for _, p := range running {
		i.look(p.PID, p.Start)
	}
	return closerFunc(func() error {
		cancel()
		err := i.socket.FollowGoroutines(false)
		i.mu.Lock()
		defer i.mu.Unlock()
		i.attached = false
		return errors.Join(err, i.files.Close())
	}), nil
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// look follows the process if it is a selected one of Go.
func (i *instrument) look(pid uint32, start uint64) {
	p := i.set.Processes.Lookup(pid, start)
	if p == nil || !p.GoRuntime || !i.files.Look(pid, start, true) {
		return
	}
	for _, c := range i.files.Attachments(pid, start) {
		a, ok := c.(*attached)
		if !ok {
			continue
		}
		if err := errors.Join(i.follow(pid, a), i.marks.add(pid)); err != nil {
			i.full++
			i.set.Logger.Debug("A Go program is not followed: the map of them is full", zap.Uint32("pid", pid), zap.Error(err))
		}
	}
}

// follow tells the kernel of a process. What that has noted of one that it knows stays: it may have
// asked for what is not attached yet, or not any more.
func (i *instrument) follow(pid uint32, a *attached) error {
	fresh := objectGoProcess{Curg: a.curg}
	err := i.processes.Update(pid, &fresh, ebpf.UpdateNoExist)
	if !errors.Is(err, ebpf.ErrKeyExist) {
		return err
	}
	i.again = true
	var known objectGoProcess
	if err := i.processes.Lookup(pid, &known); err == nil && known.Curg == a.curg {
		return nil
	}
	return i.processes.Put(pid, &fresh) // of a process that had the same number
}

// happened takes what the Daemon discovery says, on its goroutine.
func (i *instrument) happened(e *discovery.Event) {
	switch {
	case e.Kind == discovery.Exit:
	case e.Kind == discovery.Exec && e.Process != nil:
	default:
		return
	}
	i.queued.Lock()
	defer i.queued.Unlock()
	if len(i.queue) >= maxQueue {
		i.missed++
		return
	}
	i.queue = append(i.queue, event{e.PID, e.Start, e.Kind == discovery.Exit})
	if e.Kind == discovery.Exec && e.Process.GoRuntime && i.set.TickIn != nil {
		i.set.TickIn(0) // a short one may call somebody soon
	}
}

// Tick implements [probe.Ticker].
func (i *instrument) Tick(now uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.attached {
		return
	}
	i.queued.Lock()
	queue := i.queue
	i.queue = nil
	i.queued.Unlock()
	for _, e := range queue {
		i.gone(e.pid, e.start, now)
		if !e.exit {
			i.look(e.pid, e.start)
		}
	}
	i.answer()
	i.files.Tick(now)
	i.budget.Tick(now, i.attachments)
	if now-i.swept < sweepEvery {
		return
	}
	i.swept = now
	i.sweep(now)
}

// attachments are the files of a process.
func (i *instrument) attachments(pid uint32) []io.Closer {
	p := i.set.Processes.Lookup(pid, 0)
	if p == nil {
		return nil
	}
	var held []io.Closer
	for _, c := range i.files.Attachments(pid, p.StartTime) {
		if a, ok := c.(*attached); ok {
			held = append(held, a.links...)
		}
	}
	return held
}

func (i *instrument) gone(pid uint32, start, now uint64) {
	i.files.Gone(pid, start, now)
	if err := i.processes.Delete(pid); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		i.set.Logger.Debug("A Go program stays noted", zap.Uint32("pid", pid), zap.Error(err))
	}
}

// sweep makes up for events that were missed.
func (i *instrument) sweep(now uint64) {
	i.files.Sweep(now, func(uint32, uint64) {})
	var pid uint32
	var p objectGoProcess
	var dead []uint32
	var alive marked
	for it := i.processes.Iterate(); it.Next(&pid, &p); {
		if i.set.Processes.Lookup(pid, 0) == nil {
			dead = append(dead, pid)
		} else {
			alive.add(pid)
		}
	}
	for _, pid := range dead {
		i.gone(pid, 0, now)
	}
	if err := i.marks.set(&alive); err != nil {
		i.set.Logger.Debug("Marks of Go programs stay", zap.Error(err))
	}
	running, err := discovery.Running()
	if err != nil {
		return
	}
	for _, r := range running {
		i.look(r.PID, r.Start)
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

var (
	_ probe.Accountant = (*Instrument)(nil)
	_ probe.Ticker     = (*Instrument)(nil)
	_ probe.Flusher    = (*Instrument)(nil)
)

// Instrument turns events of processes into log records.
type Instrument struct {
	cfg    *Config
	emit   probe.Emitter
	clock  probe.Clock
	events discovery.Events
	counts probe.Counts

	deaths  *discovery.Deaths // nil if the Daemon has none
	waiting []ended
}

// ended is the exit of a process by a signal of which more is expected.
type ended struct {
	event discovery.Event
	since uint64 // boot time, ns
}

const (
	// patience is how long it waits for that. It comes in milliseconds, unless the process is one
	// of which little is known yet.
	patience = 2 * uint64(time.Second)
	// maxWaiting bounds them. Others are told without more.
	maxWaiting = 1024
)

var errScope = errors.New("observes the whole host only")

// Load implements [probe.Probe].
func (i *Instrument) Load(_ context.Context, l *probe.Loading) error {
	events, ok := l.Dependencies[daemon].(discovery.Events)
	if !ok {
		return fmt.Errorf("the Daemon %q hands on no events of processes", daemon)
	}
	i.events = events
	if o, ok := l.Dependencies[daemon].(discovery.Obituaries); ok {
		i.deaths = o.Deaths()
	}
	return nil
}

// Attach implements [probe.Probe].
func (i *Instrument) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	if t.Scope != probe.Host {
		return nil, errScope
	}
	return closer(i.events.Subscribe(i.handle)), nil
}

// Close implements [probe.Probe].
func (i *Instrument) Close() error { return nil }

func (i *Instrument) handle(e *discovery.Event) {
	i.counts.Seen++
	wanted := e.Kind == discovery.Exec && i.cfg.Exec || e.Kind == discovery.Exit && i.cfg.Exit
	if e.Process == nil || !wanted {
		i.counts.Filtered++
		return
	}
	if e.Kind == discovery.Exit && e.Signal() != 0 && i.deaths != nil && i.deaths.Expected() {
		if i.deaths.Of(e.PID, e.Start) == nil && len(i.waiting) < maxWaiting {
			i.waiting = append(i.waiting, ended{event: *e, since: i.clock.Now()})
			return
		}
	}
	i.report(e)
}

func (i *Instrument) report(e *discovery.Event) {
	record := i.emit.LogRecord(e.Process)
	record.SetTimestamp(i.clock.Timestamp(e.Time))
	record.SetObservedTimestamp(i.clock.Timestamp(i.clock.Now()))
	if e.Kind == discovery.Exec {
		fillExec(record, e, i.cfg.Arguments)
	} else {
		var death *discovery.Death
		if e.Signal() != 0 && i.deaths != nil {
			death = i.deaths.Of(e.PID, e.Start)
		}
		fillExit(record, e, death)
	}
	i.counts.Delivered++
}

// Tick implements [probe.Ticker].
func (i *Instrument) Tick(now uint64) { i.tell(now, false) }

// Flush implements [probe.Flusher].
func (i *Instrument) Flush() { i.tell(i.clock.Now(), true) }

// tell makes the records of those of which more is known now, or that waited long enough.
func (i *Instrument) tell(now uint64, last bool) {
	kept := i.waiting[:0]
	for n := range i.waiting {
		w := &i.waiting[n]
		if !last && i.deaths.Of(w.event.PID, w.event.Start) == nil && now < w.since+patience {
			kept = append(kept, *w)
			continue
		}
		i.report(&w.event)
	}
	clear(i.waiting[len(kept):])
	i.waiting = kept
}

// Counts implements [probe.Accountant]. The unit is an exec or exit that the
// kernel reported.
func (i *Instrument) Counts() probe.Counts {
	n := i.counts
	if i.events == nil {
		return n
	}
	for _, kind := range []discovery.Kind{discovery.Exec, discovery.Exit} {
		for cause, lost := range i.events.Lost(kind) {
			n.Lost[cause] += lost
			n.Seen += lost
		}
	}
	return n
}

type closer func()

func (c closer) Close() error {
	c()
	return nil
}

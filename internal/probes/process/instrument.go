// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

var _ probe.Accountant = (*Instrument)(nil)

// Instrument turns events of processes into log records.
type Instrument struct {
	cfg    *Config
	emit   probe.Emitter
	clock  probe.Clock
	events discovery.Events
	counts probe.Counts
}

var errScope = errors.New("observes the whole host only")

// Load implements [probe.Probe].
func (i *Instrument) Load(_ context.Context, l *probe.Loading) error {
	events, ok := l.Dependencies[daemon].(discovery.Events)
	if !ok {
		return fmt.Errorf("the Daemon %q hands on no events of processes", daemon)
	}
	i.events = events
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
	record := i.emit.LogRecord(e.Process)
	record.SetTimestamp(i.clock.Timestamp(e.Time))
	record.SetObservedTimestamp(i.clock.Timestamp(i.clock.Now()))
	if e.Kind == discovery.Exec {
		fillExec(record, e, i.cfg.Arguments)
	} else {
		fillExit(record, e)
	}
	i.counts.Delivered++
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

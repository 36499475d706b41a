// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package signals

import (
	"context"
	"fmt"
	"io"
	"unsafe"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Name is the Instrument's.
const Name = "signals"

// Factory describes the Instrument.
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      Name,
			Kind:      probe.Instrument,
			Summary:   "Processes that a signal ended: who sent it, the address of a fault, core dumps",
			Signals:   probe.Logs,
			DependsOn: []string{inkernel.Discovery},
			Joins:     inkernel.Discovery,
			Stability: component.StabilityLevelDevelopment,
			Variants:  []probe.Variant{{Name: "tp_btf", Spec: loadObject}},
		},
		New: func(set probe.Settings, _ any) (probe.Probe, error) { return &Instrument{set: set}, nil },
	}
}

// Counters of bpf/signals.bpf.c.
const (
	countLost = inkernel.FirstCounter + iota
	countSeen
)

// Instrument is the probe.
type Instrument struct {
	set      probe.Settings
	programs *inkernel.Programs

	deferred inkernel.Deferred[objectSignalEvent]
	deaths   *discovery.Deaths

	delivered, incomplete, malformed uint64
}

var (
	_ probe.RingReader = (*Instrument)(nil)
	_ probe.Ticker     = (*Instrument)(nil)
	_ probe.Flusher    = (*Instrument)(nil)
	_ probe.Accountant = (*Instrument)(nil)
)

// Load implements [probe.Probe].
func (i *Instrument) Load(_ context.Context, l *probe.Loading) error {
	var err error
	if i.programs, err = inkernel.Load(l, i.set.Logger, nil, nil, nil); err != nil {
		return err
	}
	if o, ok := l.Dependencies[inkernel.Discovery].(discovery.Obituaries); ok {
		i.deaths = o.Deaths()
		i.deaths.Expect(true)
	}
	return nil
}

// Attach implements [probe.Probe].
func (i *Instrument) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	return i.programs.Attach(t)
}

// Close implements [probe.Probe].
func (i *Instrument) Close() error {
	if i.deaths != nil {
		i.deaths.Expect(false)
	}
	i.programs.Close()
	i.programs = nil
	return nil
}

// Rings implements [probe.RingReader].
func (i *Instrument) Rings() []probe.Ring {
	return []probe.Ring{{Map: i.programs.Map("signals_events"), Handle: i.handle}}
}

func (i *Instrument) handle(record []byte) {
	var e objectSignalEvent
	if len(record) < int(unsafe.Sizeof(e)) {
		i.malformed++
		i.set.Logger.Debug("Dropped a record of a signal", zap.Error(fmt.Errorf("%d bytes are too few", len(record))))
		return
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&e)), unsafe.Sizeof(e)), record)
	i.deferred.Add(&e)
}

// emit makes the record, if the process is known.
func (i *Instrument) emit(e *objectSignalEvent) bool {
	p := i.set.Processes.Lookup(e.Tgid, e.Start)
	if p == nil {
		return false
	}
	var sender *probe.ProcessInfo
	if e.Known != 0 {
		sender = i.set.Processes.Lookup(e.Sender, e.SenderStart)
	} else {
		i.incomplete++
	}
	r := i.set.Emit.LogRecord(p)
	r.SetTimestamp(i.set.Clock.Timestamp(e.End))
	r.SetObservedTimestamp(i.set.Clock.Timestamp(i.set.Clock.Now()))
	death := fill(r, e, p, sender)
	if i.deaths != nil {
		i.deaths.Tell(e.Tgid, e.Start, death)
	}
	i.delivered++
	return true
}

// Tick implements [probe.Ticker].
func (i *Instrument) Tick(now uint64) { i.deferred.Tick(now, false, i.emit) }

// Flush implements [probe.Flusher].
func (i *Instrument) Flush() { i.deferred.Tick(i.set.Clock.Now(), true, i.emit) }

// Counts implements [probe.Accountant].
func (i *Instrument) Counts() probe.Counts {
	c := probe.Counts{Delivered: i.delivered, Filtered: i.deferred.Dropped, Incomplete: i.incomplete}
	c.Lost[probe.Undecodable] = i.malformed
	if i.programs != nil {
		c.Seen = i.programs.Counter(countSeen)
		c.Lost[probe.RingFull] = i.programs.Counter(countLost)
		i.programs.AddLost(&c)
	}
	return c
}

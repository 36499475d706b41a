// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"errors"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
)

// states is the Daemon as its table sees it.
type states Daemon

// Set implements [discovery.States]. The map holds only what differs from the
// default, so that it is small.
func (d *states) Set(pid uint32, start uint64, decision discovery.Decision, at uint64) {
	selected, reported := decision.Selected, at != 0
	if pid == d.selection.Self {
		selected, reported = false, false
	} else if reported && d.overtaken(pid, selected, at) {
		return
	} else if selected == d.selection.All() {
		// Whether or not it was there, now it is not.
		_ = d.procs.Delete(pid)
		return
	}
	p := proc{start: start, state: stateIgnored}
	if selected {
		p.state, p.more = stateSelected, d.selection.Number(decision)
	}
	flags := ebpf.UpdateAny
	if reported {
		flags = ebpf.UpdateExist
	}
	err := d.procs.Update(pid, p.bytes(), flags)
	if err == nil || reported && errors.Is(err, ebpf.ErrKeyNotExist) {
		return
	}
	d.notSet++
	d.logger.Debug("Could not make a decision on a process known.", zap.Uint32("pid", pid), zap.Error(err))
}

// overtaken tells that what the kernel knows of a process is later than the event of the given
// time: that it waits for another decision, as when it was forked and has called exec since, or
// that it was ignored meanwhile, which events of their own undo there.
func (d *states) overtaken(pid uint32, selected bool, at uint64) bool {
	var p proc
	if d.procs.Lookup(pid, p.bytes()) != nil {
		return false
	}
	return p.state == statePending && p.more != uint32(at) || p.state == stateIgnored && selected
}

// Selected implements [discovery.States].
func (d *states) Selected(pid uint32) bool {
	var p proc
	if d.procs == nil || d.procs.Lookup(pid, p.bytes()) != nil {
		return d.selection.All()
	}
	return p.state == stateSelected || p.state == statePending && d.selection.All()
}

const (
	// endedAfter is how long the kernel keeps what an ended process is, ns: until the programs
	// at the ends of all of its threads have run.
	endedAfter = 100e6
	// maxEnded bounds the processes of which it is kept.
	maxEnded = 256
)

// ended is a process whose exit was reported.
type ended struct {
	pid uint32
	at  uint64 // boot time, ns
}

// end lets the kernel forget a process in a while.
func (d *states) end(pid uint32, at uint64) {
	if len(d.ended) == maxEnded {
		d.forget(d.ended[0])
		d.ended = d.ended[:copy(d.ended, d.ended[1:])]
	}
	d.ended = append(d.ended, ended{pid, at})
}

// forgetEnded lets the kernel forget those that ended a while before now.
func (d *states) forgetEnded(now uint64) {
	n := 0
	for n < len(d.ended) && d.ended[n].at+endedAfter <= now {
		d.forget(d.ended[n])
		n++
	}
	d.ended = d.ended[:copy(d.ended, d.ended[n:])]
}

// forget takes a process out of the map, if what is there is not of a successor.
func (d *states) forget(e ended) {
	var p proc
	if d.procs.Lookup(e.pid, p.bytes()) == nil && p.start <= e.at {
		_ = d.procs.Delete(e.pid)
	}
}

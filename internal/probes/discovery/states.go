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
	} else if reported && d.undecidedAgain(pid, at) {
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

// undecidedAgain tells that the process waits for a decision on a later event
// than that of the given time, as when it was forked and has called exec since.
func (d *states) undecidedAgain(pid uint32, at uint64) bool {
	var p proc
	return d.procs.Lookup(pid, p.bytes()) == nil && p.state == statePending && p.more != uint32(at)
}

// Selected implements [discovery.States].
func (d *states) Selected(pid uint32) bool {
	var p proc
	if d.procs == nil || d.procs.Lookup(pid, p.bytes()) != nil {
		return d.selection.All()
	}
	return p.state == stateSelected || p.state == statePending && d.selection.All()
}

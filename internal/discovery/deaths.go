// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import "go.opentelemetry.io/collector/pdata/pcommon"

// Death is what is known of the signal that ended a process.
type Death struct {
	// Record is the attribute log.record.uid of the record that tells of it.
	Record string
	// Attributes say who sent the signal and why, or where the fault was. They may be empty.
	Attributes pcommon.Map
	// How is that in words, to follow the name of the signal, as in " from process 12 (bash)".
	How string
}

// maxDeaths bounds those that nobody has asked for. Whoever asks does so within a second.
const maxDeaths = 1024

// Deaths is where the probe that observes signals tells the others of those that ended a process.
// It is used from the goroutine of the Daemon that has it; Expect before that runs.
type Deaths struct {
	expected bool
	by       map[death]*Death
	order    []death
}

type death struct {
	pid   uint32
	start uint64
}

// Expect announces whether there is somebody who tells.
func (d *Deaths) Expect(yes bool) { d.expected = yes }

// Expected tells whether it is worth while to wait for an answer.
func (d *Deaths) Expected() bool { return d.expected }

// Tell keeps what ended the process of that ID that began at start (boot time, ns). The oldest is
// forgotten when there are too many.
func (d *Deaths) Tell(pid uint32, start uint64, what *Death) {
	if d.by == nil {
		d.by = map[death]*Death{}
	}
	k := death{pid, start}
	if d.by[k] == nil {
		d.order = append(d.order, k)
	}
	d.by[k] = what
	if len(d.order) > maxDeaths {
		delete(d.by, d.order[0])
		d.order = append(d.order[:0], d.order[1:]...)
	}
}

// Of gives what ended a process, or nil if nobody has told yet. It forgets nothing: another probe may
// ask, too.
func (d *Deaths) Of(pid uint32, start uint64) *Death { return d.by[death{pid, start}] }

// Obituaries is the Daemon that has the [Deaths] of its processes. Its dependents find it by
// type assertion.
type Obituaries interface{ Deaths() *Deaths }

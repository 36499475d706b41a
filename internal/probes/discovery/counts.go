// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// counters are those of bpf/include/process.h, summed over CPUs.
type counters struct {
	exec, execLost, exit, exitLost, other, otherLost, mapFull uint64
}

func (d *Daemon) counters() counters {
	var c counters
	if d.collection == nil {
		return c
	}
	m := d.collection.Maps["proc_counters"]
	for i, n := range []*uint64{&c.exec, &c.execLost, &c.exit, &c.exitLost, &c.other, &c.otherLost, &c.mapFull} {
		var perCPU []uint64
		if err := m.Lookup(uint32(i), &perCPU); err != nil {
			d.logger.Debug("Could not read a counter.", zap.Error(err))
			continue
		}
		for _, v := range perCPU {
			*n += v
		}
	}
	return c
}

// missed is how often the kernel did not run a program.
func (d *Daemon) missed(program string) uint64 {
	if d.collection == nil {
		return 0
	}
	stats, err := d.collection.Programs[program].Stats()
	if err != nil {
		return 0 // kernels before v5.12 do not count it
	}
	return stats.RecursionMisses
}

// Counts implements [probe.Accountant]. The unit is a record, and a process
// for the cause map_full.
func (d *Daemon) Counts() probe.Counts {
	c := d.counters()
	var n probe.Counts
	n.Delivered = d.handled
	n.Lost[probe.RingFull] = c.execLost + c.exitLost + c.otherLost
	n.Lost[probe.Undecodable] = d.undecodable
	n.Lost[probe.MapFull] = c.mapFull + d.notSet
	n.Lost[probe.Overflow] = d.table.Overflow()
	for _, program := range d.programs.all() {
		n.Lost[probe.Missed] += d.missed(program)
	}
	n.Seen = c.exec + c.exit + c.other + n.Lost[probe.MapFull] + n.Lost[probe.Overflow] + n.Lost[probe.Missed]
	return n
}

// Lost implements [discovery.Events].
func (d *Daemon) Lost(kind discovery.Kind) [probe.NumCauses]uint64 {
	c := d.counters()
	var lost [probe.NumCauses]uint64
	switch kind {
	case discovery.Exec:
		lost[probe.RingFull] = c.execLost
		lost[probe.Missed] = d.missed(d.programs.exec)
	case discovery.Exit:
		lost[probe.RingFull] = c.exitLost
		lost[probe.Missed] = d.missed(d.programs.exit)
	}
	return lost
}

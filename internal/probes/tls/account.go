// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Indices of tls_counters: enum tls_counter of bpf/include/tls.h.
const (
	countJoined = iota
	countFiltered
	countUnjoined
	countBusy
	countStorage
	numCounts
)

// Counts implements probe.Accountant. The unit is runs of plaintext: what one call
// reads or writes, or one record.
func (d *daemon) Counts() probe.Counts {
	var n [numCounts]uint64
	for i := range n {
		n[i] = d.counter(uint32(i))
	}
	c := probe.Counts{Delivered: n[countJoined], Filtered: n[countFiltered]}
	c.Lost[probe.Unmatched] = n[countUnjoined]
	c.Lost[probe.Overflow] = n[countBusy]
	c.Lost[probe.MapFull] = n[countStorage]
	c.SampledOut = d.budget.Skipped()
	c.Seen = c.Delivered + c.Filtered + c.SampledOut + c.TotalLost()
	if d.coll != nil {
		for _, p := range d.coll.Programs {
			if stats, err := p.Stats(); err == nil {
				c.Lost[probe.Missed] += stats.RecursionMisses
				c.Seen += stats.RecursionMisses
			}
		}
	}
	return c
}

func (d *daemon) counter(index uint32) uint64 {
	if d.coll == nil {
		return 0
	}
	var perCPU []uint64
	if err := d.coll.Maps["tls_counters"].Lookup(index, &perCPU); err != nil {
		d.set.Logger.Warn("A counter cannot be read", zap.Uint32("index", index), zap.Error(err))
		return 0
	}
	var sum uint64
	for _, n := range perCPU {
		sum += n
	}
	return sum
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Indices of socket_counters: enum counter of bpf/include/socket.h.
const (
	countSeen = iota
	countLostRing
	countLostStorage
	countOptedOut
	countUnreadable
	countLostHello
	countLostStarts // the first of protoSlots
)

// protoSlots is the number of counters of which each protocol has one (PROTO_SLOTS).
const protoSlots = 16

// counter sums a per-CPU counter of the kernel.
func (d *daemon) counter(index uint32) uint64 {
	if d.counters == nil {
		return 0
	}
	var perCPU []uint64
	if err := d.counters.Lookup(index, &perCPU); err != nil {
		d.set.Logger.Warn("A counter cannot be read", zap.Uint32("index", index), zap.Error(err))
		return 0
	}
	var sum uint64
	for _, n := range perCPU {
		sum += n
	}
	return sum
}

// tellLost tells the protocols of requests in records that the ring had no
// space for.
func (d *daemon) tellLost() {
	for p := range stream.Proto(protoSlots) {
		n := d.counter(countLostStarts + uint32(p))
		if n > d.lost[p] {
			d.table.Lost(p, nil, n-d.lost[p])
			d.lost[p] = n
		}
	}
}

// Counts implements probe.Accountant. The unit is records.
func (d *daemon) Counts() probe.Counts {
	c := probe.Counts{
		Seen:      d.counter(countSeen),
		Delivered: d.delivered - d.hellos.refused,
		Filtered:  d.filtered,
		// Spans of these connections do not tell how they were encrypted.
		Incomplete: d.hellos.dropped,
	}
	c.Lost[probe.RingFull] = d.counter(countLostRing)
	c.Lost[probe.Undecodable] = d.malformed
	c.Lost[probe.Unmatched] = d.unknown
	c.Lost[probe.Overflow] = d.overflow + d.hellos.refused
	storage := d.counter(countLostStorage)
	c.Lost[probe.MapFull] = storage
	hellos := d.counter(countLostHello)
	c.Lost[probe.Truncated] = hellos
	c.Seen += storage + hellos
	if d.coll != nil {
		for _, p := range d.coll.Programs {
			stats, err := p.Stats()
			if err == nil {
				c.Lost[probe.Missed] += stats.RecursionMisses
				c.Seen += stats.RecursionMisses
			}
		}
	}
	return c
}

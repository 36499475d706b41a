// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Indices of go_counters: enum go_counter of bpf/go.bpf.c.
const (
	countStarted = iota
	countTaken
	countUnreadable
	countFull
	countRouted
	countUnrouted
	countStreams
	countCalls
	countRing
	numCounts
)

// Counts implements [probe.Accountant]. The unit is goroutines that were told which request
// they take part in: when they were started, when they began to serve one, or when they took one to
// write it. To that come the routes that were chosen for requests, and the calls that one goroutine
// wrote for another.
func (i *instrument) Counts() probe.Counts {
	var n [numCounts]uint64
	for at := range n {
		n[at] = i.counter(uint32(at))
	}
	told := n[countStarted] + n[countTaken] + n[countStreams]
	full := min(n[countFull], told)
	joined := n[countRouted] + n[countCalls]
	unheard := min(i.unheard(), joined)
	c := probe.Counts{Seen: told + n[countUnreadable] + joined + n[countUnrouted] + n[countRing]}
	c.SampledOut = i.budget.Skipped()
	c.Seen += c.SampledOut
	c.Delivered = told - full + joined - unheard
	c.Lost[probe.MapFull] = full + n[countUnrouted]
	c.Lost[probe.RingFull] = n[countRing]
	c.Lost[probe.Unmatched] = unheard
	c.Lost[probe.Undecodable] = n[countUnreadable]
	i.queued.Lock()
	missed := i.missed
	i.queued.Unlock()
	i.mu.Lock()
	lost := i.full + missed + i.files.Overflow()
	i.mu.Unlock()
	c.Lost[probe.Overflow] += lost
	c.Seen += lost
	if i.coll == nil {
		return c
	}
	for _, p := range i.coll.Programs {
		if stats, err := p.Stats(); err == nil {
			c.Lost[probe.Missed] += stats.RecursionMisses
			c.Seen += stats.RecursionMisses
		}
	}
	return c
}

// unheard is what the Daemon could not join.
func (i *instrument) unheard() uint64 {
	if i.socket == nil {
		return 0
	}
	return i.socket.Unheard()
}

func (i *instrument) counter(index uint32) uint64 {
	if i.coll == nil {
		return 0
	}
	var perCPU []uint64
	if err := i.coll.Maps["go_counters"].Lookup(index, &perCPU); err != nil {
		i.set.Logger.Warn("A counter cannot be read", zap.Uint32("index", index), zap.Error(err))
		return 0
	}
	var sum uint64
	for _, n := range perCPU {
		sum += n
	}
	return sum
}

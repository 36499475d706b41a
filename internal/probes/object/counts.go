// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Counts implements [probe.Accountant]. The unit is a record for one output.
func (i *Instrument) Counts() probe.Counts {
	n := i.counts
	for _, k := range i.sinks {
		if k.table != nil {
			n.Lost[probe.Overflow] += k.table.dropped
			if k.src.kind == fromMap || k.src.kind == fromGlobal {
				n.Seen += k.table.dropped
			} else {
				n.Delivered -= k.table.dropped
			}
		}
	}
	if i.collection == nil {
		return n
	}
	for _, p := range i.collection.Programs {
		if stats, err := p.Stats(); err == nil {
			n.Lost[probe.Missed] += stats.RecursionMisses
			n.Seen += stats.RecursionMisses
		}
	}
	for _, l := range i.v.plan.losses {
		lost, err := i.lost(&l)
		if err != nil {
			i.warn("A counter of losses cannot be read", zap.String("counter", l.name), zap.Error(err))
			continue
		}
		n.Lost[l.cause] += lost
		n.Seen += lost
	}
	// Those that wait are on their way.
	return n
}

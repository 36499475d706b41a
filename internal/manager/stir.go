// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"sync/atomic"
	"time"
)

// stir knows when something last happened, in any loop. What comes to one is often work for
// others: a new process, that libraries are attached to.
type stir struct{ last atomic.Int64 }

// quiet tells that nothing has happened for a while.
func (s *stir) quiet(now time.Time) bool { return now.UnixNano()-s.last.Load() > int64(quiet) }

// happened notes that something has happened now, and tells whether it was quiet until then.
func (s *stir) happened(now time.Time) bool {
	return now.UnixNano()-s.last.Swap(now.UnixNano()) > int64(quiet)
}

// nextTurn is when a loop that waits so long is to wake: all of them at the same times, since it is
// waking the processor that costs.
func (m *Manager) nextTurn(now time.Time, wait time.Duration) time.Time {
	return m.began.Add((now.Sub(m.began)/wait + 1) * wait)
}

// rouse ends the rest of all other loops.
func (m *Manager) rouse(by *loop) {
	for _, l := range m.loops {
		if l != by {
			l.wake()
		}
	}
}

// lookAfter wakes the loops that sleep while something is in their rings: the kernel wakes nobody
// for little.
func (m *Manager) lookAfter() {
	for _, l := range m.loops {
		if !l.isFirst() && l.pending() > 0 {
			l.wake()
		}
	}
}

// wake ends a wait of the loop, or the next one.
func (l *loop) wake() {
	if len(l.rings) > 0 {
		_ = l.rings[0].Wake() // the only one that it waits for; at the worst it ends its rest
		return
	}
	select {
	case l.rouse <- struct{}{}:
	default:
	}
}

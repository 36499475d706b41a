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

// before tells that nothing has happened since then.
func (s *stir) before(then time.Time) bool {
	last := s.last.Load()
	return last == 0 || last < then.UnixNano()
}

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

// apart is the shortest time between two turns that probes ask for.
const apart = 4 * time.Millisecond

// asked is when a probe wants the next tick.
type asked struct {
	at   atomic.Int64 // Unix time, ns; 0: nobody asks
	hot  atomic.Int64 // until then the loop waits no longer than until then, Unix time, ns
	busy atomic.Bool  // it looks at the other two before it waits again
}

// tickIn asks for a turn of the loop.
func (l *loop) tickIn(in time.Duration) {
	now := time.Now()
	at := now.Add(in).UnixNano()
	if in >= rest {
		at = l.m.nextTurn(now, rest).UnixNano() // with others
	}
	for {
		old := l.asked.at.Load()
		if old != 0 && old <= at {
			return // whoever asked for that has woken it
		}
		if l.asked.at.CompareAndSwap(old, at) {
			break
		}
	}
	if !l.asked.busy.Load() && l.asked.hot.Load() <= now.UnixNano() {
		l.wake()
	}
}

// answer notes that the loop is about to tick.
func (a *asked) answer(now time.Time) {
	a.busy.Store(true)
	at := a.at.Load()
	if at == 0 || at > now.UnixNano() {
		return
	}
	a.hot.Store(now.Add(apart).UnixNano())
	a.at.CompareAndSwap(at, 0) // else somebody asks for less
}

// due is when the next turn is due that was asked for, if that is before the deadline. The loop
// waits next.
func (a *asked) due(now, deadline time.Time) time.Time {
	a.busy.Store(false)
	hot := time.Unix(0, a.hot.Load())
	if hot.After(now) {
		if hot.Before(deadline) {
			return hot // to answer those who ask meanwhile and do not wake it
		}
		return deadline
	}
	if at := a.at.Load(); at != 0 && time.Unix(0, at).Before(deadline) {
		return time.Unix(0, at)
	}
	return deadline
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

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"errors"
	"io"
	"time"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"
)

// steps are when a process is looked at after an exec, ns. The executable is there at once; the dynamic
// loader maps libraries in the first milliseconds, and a short process may have ended soon after.
// The last look is for those that load more of them by and by.
var steps = [...]uint64{0, 2e6, 6e6, 15e6, 40e6, 100e6}

const (
	// looksAtOnce bounds the processes that one tick looks at.
	looksAtOnce = 32
	// lookEvery is the pace at which all processes are looked at again, ns: for
	// libraries that were loaded later, by programs that no connection was seen of.
	lookEvery = 15e9
	// sweepEvery is the pace of sweeps over connections, ns.
	sweepEvery = 250e6
	// sweepAtRest is that when nothing was passed for restAfter, ns: a sweep goes through all buckets
	// of the connections, which takes more than a millisecond, though there be none. Of what
	// was passed until then two sweeps have told.
	sweepAtRest = 5e9
	// lookAgain is how long plaintext may have passed at rest until that is noticed.
	lookAgain = 400 * time.Millisecond
	restAfter = 600e6
)

// Tick implements [probe.Ticker].
func (d *daemon) Tick(now uint64) {
	d.running.Lock()
	defer d.running.Unlock()
	if !d.attached {
		return
	}
	d.take(now)
	d.lookAtUsers()
	d.look(now)
	d.files.Tick(now)
	d.budget.Tick(now, func(pid uint32) []io.Closer {
		p := d.set.Processes.Lookup(pid, 0)
		if p == nil {
			return nil
		}
		return d.files.Attachments(pid, p.StartTime)
	})
	if now-d.looked >= lookEvery {
		d.looked = now
		d.files.Sweep(now, func(pid uint32, start uint64) {
			d.waiting[process{pid, start}] = look{due: now, since: now, step: len(steps)}
		})
	}
	if now-d.swept >= sweepEvery && d.files.Attached() > 0 && (d.isBusy(now) || now-d.swept >= sweepAtRest) {
		d.swept = now
		// What quiet connections passed meanwhile.
		if err := d.sweep.Run(); err != nil {
			d.set.Logger.Debug("A sweep over the connections failed", zap.Error(err))
		}
	}
	if d.files.Attached() > 0 {
		d.tickIn(lookAgain)
	}
}

// isBusy tells whether plaintext passed a moment ago.
func (d *daemon) isBusy(now uint64) bool {
	if n := d.counter(countJoined); n != d.joined {
		d.joined, d.heard = n, now
	}
	return now-d.heard < restAfter
}

// take takes what happened to processes since the last tick.
func (d *daemon) take(now uint64) {
	d.mu.Lock()
	queue := d.queue
	d.queue = nil
	d.mu.Unlock()
	for _, e := range queue {
		// With an exec all mappings are gone, too.
		d.files.Gone(e.pid, e.start, now)
		delete(d.waiting, e.process)
		if d.gapped {
			_ = d.gaps.Delete(e.pid) // most have none
		}
		if e.exit {
			continue
		}
		l := look{since: e.at, step: len(steps) - 1, hasty: e.hasty}
		if e.hasty {
			l.step = 0
		}
		l.due = l.since + steps[l.step]
		d.waiting[e.process] = l
	}
}

// look looks at the processes that it is time for.
func (d *daemon) look(now uint64) {
	looks, next := 0, uint64(0)
	for p, l := range d.waiting {
		if l.due <= now {
			if looks++; looks > looksAtOnce {
				break
			}
			delete(d.waiting, p)
			if !d.files.Look(p.pid, p.start, false) {
				continue
			}
			if l.hasty = l.hasty && d.files.Uses(p.pid, p.start) == 0; !l.hasty {
				l.step = max(l.step, len(steps)-2)
			}
			for l.step++; l.step < len(steps) && l.since+steps[l.step] <= now; l.step++ {
			}
			if l.step >= len(steps) {
				continue
			}
			l.due = l.since + steps[l.step]
			d.waiting[p] = l
		}
		if l.hasty && l.step < len(steps)-1 && (next == 0 || l.due < next) {
			next = l.due
		}
	}
	if next != 0 {
		d.tickIn(time.Duration(next - min(next, now)))
	}
}

// lookAtUsers looks for the library of processes that were seen to use TLS.
func (d *daemon) lookAtUsers() {
	if d.seen == nil {
		return
	}
	var pids []uint32
	var pid uint32
	var at uint64
	for it := d.seen.Iterate(); it.Next(&pid, &at); {
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		if err := d.seen.Delete(pid); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			d.set.Logger.Debug("A process that uses TLS stays noted", zap.Error(err))
		}
		p := d.set.Processes.Lookup(pid, 0)
		if p == nil || d.files.Uses(pid, p.StartTime) > 0 {
			continue
		}
		d.files.Look(pid, p.StartTime, false)
		if d.files.Uses(pid, p.StartTime) > 0 || !d.files.Look(pid, p.StartTime, true) {
			continue
		}
		if d.files.Uses(pid, p.StartTime) == 0 {
			d.sayUnseen(p)
		}
	}
}

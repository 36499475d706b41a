// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package inkernel

import "time"

const (
	// patience is how long a record waits until its process is known.
	patience = uint64(time.Second)
	// maxDeferred bounds the records that wait.
	maxDeferred = 1024
)

// Deferred holds records until the Daemon that follows processes has read all that was
// reported before them, and longer those of processes that nothing is known of then.
type Deferred[R any] struct {
	// Dropped counts those of processes that stayed unknown, or that there was no room for.
	Dropped uint64

	waiting []waiting[R]
}

type waiting[R any] struct {
	record R
	since  uint64 // boot time of the first offer, 0 before
}

// Add takes a record.
func (d *Deferred[R]) Add(record *R) {
	if len(d.waiting) >= maxDeferred {
		d.Dropped++
		return
	}
	d.waiting = append(d.waiting, waiting[R]{record: *record})
}

// Tick offers records to use, which tells whether it could, from the second call after
// they came: in between the Daemon has read its own. It drops those that have waited
// long enough, or all when last.
func (d *Deferred[R]) Tick(now uint64, last bool, use func(*R) bool) {
	kept := d.waiting[:0]
	for i := range d.waiting {
		w := &d.waiting[i]
		switch {
		case w.since == 0 && !last:
			w.since = now
			kept = append(kept, *w)
		case use(&w.record):
		case last || w.since+patience <= now:
			d.Dropped++
		default:
			kept = append(kept, *w)
		}
	}
	clear(d.waiting[len(kept):])
	d.waiting = kept
}

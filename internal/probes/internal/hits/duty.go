// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package hits keeps the uprobes of a file within a budget of hits per second in each process. A hit
// costs the observed program a trap, whatever the program behind it does, so the only way to fewer
// is to detach: what is too busy is attached a part of the time only, which is sampling in time.
package hits

import "time"

const (
	// window is the shortest time that is judged.
	window = uint64(time.Second)
	// maxRest bounds the time for which a file is detached.
	maxRest = uint64(time.Minute)
	// retry is when to try again to attach what could not be.
	retry = uint64(10 * time.Second)
	// calm is the part of the budget below which a file is attached for good again.
	calm = 0.8
)

// action is what is to be done with a file.
type action uint8

const (
	nothing action = iota
	rest           // detach
	wake           // attach again
	settle         // it stays attached
)

// duty is when a file is attached. Times are kernel boot time, ns.
type duty struct {
	since   uint64 // when it was attached, or judged last
	until   uint64 // when it is to be attached again; 0: it is attached
	sampled bool
	hits    uint64 // of its busiest process, since
}

// next judges what has happened until now.
func (d *duty) next(now uint64, budget float64) (do action, rate float64) {
	if d.until != 0 {
		if now < d.until {
			return nothing, 0
		}
		d.until, d.since, d.hits = 0, now, 0
		return wake, 0
	}
	took := now - d.since
	if took < window {
		return nothing, 0
	}
	rate = float64(d.hits) / (float64(took) / 1e9)
	d.since, d.hits = now, 0
	switch {
	case rate > budget:
		d.until = now + min(maxRest, uint64(float64(took)*(rate/budget-1)))
		d.sampled = true
		return rest, rate
	case d.sampled && rate <= calm*budget:
		d.sampled = false
		return settle, rate
	}
	return nothing, rate
}

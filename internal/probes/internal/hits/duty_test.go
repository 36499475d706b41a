// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package hits

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// run plays seconds of a load, looked at every tenth of a second. It gives the mean rate of hits.
func run(d *duty, now *uint64, seconds int, load, budget float64, did map[action]int) float64 {
	const step = uint64(1e8)
	total := 0.0
	for range seconds * 10 {
		*now += step
		if d.until == 0 {
			d.hits += uint64(load / 10)
			total += load / 10
		}
		do, _ := d.next(*now, budget)
		did[do]++
	}
	return total / float64(seconds)
}

func TestMeanStaysBelowTheBudget(t *testing.T) {
	now, did := uint64(5e9), map[action]int{}
	d := &duty{since: now}
	assert.InDelta(t, 900, run(d, &now, 10, 900, 1000, did), 1)
	assert.Zero(t, did[rest], "it is below")
	for _, load := range []float64{1500, 4000, 20000} {
		mean := run(d, &now, 300, load, 1000, did)
		assert.InDelta(t, 1000, mean, 150, load)
	}
	assert.Positive(t, did[rest])
	assert.Zero(t, did[settle])
	run(d, &now, 30, 500, 1000, did)
	assert.Equal(t, 1, did[settle])
	assert.Equal(t, did[rest], did[wake])
	rests := did[rest]
	run(d, &now, 30, 500, 1000, did)
	assert.Equal(t, rests, did[rest], "it is attached for good")
}

// However busy a process is, it is looked at again.
func TestRestIsBounded(t *testing.T) {
	now, did := uint64(5e9), map[action]int{}
	d := &duty{since: now}
	run(d, &now, 2, 1e9, 1, did)
	assert.LessOrEqual(t, d.until-now, maxRest)
	run(d, &now, 61, 0, 1, did)
	assert.Equal(t, 1, did[wake])
}

// Between calm and the budget nothing changes.
func TestNeitherNor(t *testing.T) {
	now, did := uint64(5e9), map[action]int{}
	d := &duty{since: now}
	run(d, &now, 100, 900, 1000, did)
	d.sampled = true
	run(d, &now, 100, 900, 1000, did)
	assert.True(t, d.sampled)
	assert.Equal(t, map[action]int{nothing: 2000}, did)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// clock is a time that the test sets.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Unix(1700000000, 0)} }

// run measures once a second for so long, and gives the last level.
func (c *clock) run(k *Controller, d time.Duration, u func(level int) float64) (level int) {
	for end := c.now.Add(d); c.now.Before(end); c.now = c.now.Add(time.Second) {
		level, _ = k.Next(c.now, Usage{CPU: u(k.level)})
	}
	return level
}

func constant(v float64) func(int) float64 { return func(int) float64 { return v } }

func TestShedsStepByStepAndRecovers(t *testing.T) {
	c, k := newClock(), &Controller{Steps: 4}
	assert.Equal(t, 0, c.run(k, time.Minute, constant(0.99)))
	assert.Equal(t, 0, c.run(k, 3*time.Second, constant(2)), "a moment is no reason")
	assert.Equal(t, 1, c.run(k, time.Second, constant(2)))
	assert.Equal(t, 1, c.run(k, 2*time.Second, constant(2)), "it has to take effect")
	assert.Equal(t, 4, c.run(k, time.Minute, constant(2)), "there is no more")
	assert.Equal(t, 4, c.run(k, time.Hour, constant(0.9)), "no room for more, and no need for less")
	assert.Equal(t, 4, c.run(k, 14*time.Second, constant(0.5)))
	assert.Equal(t, 3, c.run(k, 3*time.Second, constant(0.5)))
	assert.Equal(t, 0, c.run(k, time.Minute, constant(0.5)))
	assert.Equal(t, 0, c.run(k, time.Hour, constant(0.5)))
}

// What would be too much without the step is tried again more and more seldom.
func TestDoesNotSwingFastForEver(t *testing.T) {
	c, k := newClock(), &Controller{Steps: 4}
	use := func(level int) float64 { return []float64{1.5, 0.5, 0.4, 0.3, 0.2}[level] }
	changes := func(d time.Duration) (n int) {
		last := k.level
		c.run(k, d, func(level int) float64 {
			if level != last {
				n++
				last = level
			}
			return use(level)
		})
		return n
	}
	first := changes(3 * time.Minute)
	c.run(k, time.Hour, use)
	later := changes(time.Hour)
	t.Log(first, later)
	assert.Greater(t, first, 4)
	assert.Less(t, later, 20)
}

func TestWorstResourceDecides(t *testing.T) {
	cfg := Config{CPU: 0.5, MemoryMiB: 100}
	assert.Equal(t, Usage{CPU: 0.5, Memory: 2}, cfg.Parts(0.25, 7, 200<<20), "no budget, no part")
	c, k := newClock(), &Controller{Steps: 1}
	var by Resource
	for range 10 {
		_, by = k.Next(c.now, Usage{CPU: 0.5, Memory: 2})
		c.now = c.now.Add(time.Second)
	}
	assert.Equal(t, Memory, by)
	assert.Equal(t, 1, k.level)
}

// The order is fixed: sampling, contents, processes, probes.
func TestLadder(t *testing.T) {
	var kinds []Kind
	last := 0.0
	for _, s := range Ladder(2) {
		kinds = append(kinds, s.Kind)
		if s.Kind == Sampling {
			assert.Greater(t, s.Drop, last)
			last = s.Drop
		}
	}
	assert.EqualValues(t, 1, last)
	assert.Equal(t, Kinds(), slices.Compact(slices.Clone(kinds)))
	assert.Equal(t, Probe, kinds[len(kinds)-2])
}

// A noisy process gets its rate, and takes nothing of another's.
func TestProcessesAreBoundedOneByOne(t *testing.T) {
	c := newClock()
	p := NewProcesses[string](100, c.now)
	admitted := map[string]int{}
	for range 10 * 1000 { // 10 s
		c.now = c.now.Add(time.Millisecond)
		for range 10 {
			if p.Admit("noisy", c.now) {
				admitted["noisy"]++
			}
		}
		if c.now.UnixMilli()%20 == 0 && p.Admit("quiet", c.now) {
			admitted["quiet"]++
		}
	}
	assert.InDelta(t, 100*10+100, admitted["noisy"], 2, "its rate, and once what it saved before")
	assert.Equal(t, 500, admitted["quiet"])
	c.now = c.now.Add(time.Minute)
	p.Admit("other", c.now)
	assert.Len(t, p.buckets, 1, "those at rest are forgotten")
	seldom := NewProcesses[int](0.1, c.now)
	assert.True(t, seldom.Admit(1, c.now))
	assert.False(t, seldom.Admit(1, c.now.Add(9*time.Second)))
	assert.True(t, seldom.Admit(1, c.now.Add(11*time.Second)))
}

func TestValidate(t *testing.T) {
	c := Config{CPU: -1, BPF: math.NaN(), ProcessSpans: math.Inf(1)}
	assert.EqualError(t, c.Validate(), "cpu: -1 is not a number from 0 on\nbpf: NaN is not a number from 0 on\nprocess_spans_per_second: +Inf is not a number from 0 on")
	assert.NoError(t, (&Config{}).Validate())
	assert.NoError(t, (&Config{Slice: 100 * time.Microsecond}).Validate())
	assert.EqualError(t, (&Config{Slice: time.Second}).Validate(), "slice: 1s is not between 100µs and 100ms")
	assert.Error(t, (&Config{Slice: -time.Millisecond}).Validate())
	assert.False(t, (&Config{ProcessSpans: 5}).Budgeted())
	assert.True(t, (&Config{MemoryMiB: 5}).Budgeted())
}

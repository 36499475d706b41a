// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package limits decides what to shed when more is used than the user allows, and when to
// take it up again. It measures nothing and does nothing itself.
package limits

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/timeslice"
)

// Config is the section "limits" of the receiver's configuration. Zero means no limit.
type Config struct {
	// CPU is the most time of processors that the collector's process uses, as a part of
	// one: 0.5 is half a processor.
	CPU float64 `mapstructure:"cpu"`
	// BPF is the same for the receiver's programs in the kernel, which run in the time of
	// the programs that are observed. That the kernel measures it costs these some 0.1
	// µs each time a program runs, and takes CAP_SYS_ADMIN at the start.
	BPF float64 `mapstructure:"bpf"`
	// MemoryMiB is the most memory of the collector's process that is resident.
	MemoryMiB uint64 `mapstructure:"memory_mib"`
	// ProcessSpans is the most spans per second of each process. What is above it is
	// sampled out; metrics have all.
	ProcessSpans float64 `mapstructure:"process_spans_per_second"`
	// Slice is how long a thread of the collector keeps a processor that another one waits
	// for (see [timeslice]). It limits what a burst of work adds to the latency of the programs
	// that are observed, for some more changes of threads.
	Slice time.Duration `mapstructure:"slice"`
}

// Validate checks that all are of use.
func (c *Config) Validate() error {
	var errs []error
	for _, l := range []struct {
		key   string
		value float64
	}{{"cpu", c.CPU}, {"bpf", c.BPF}, {"process_spans_per_second", c.ProcessSpans}} {
		if !(l.value >= 0) || math.IsInf(l.value, 0) {
			errs = append(errs, fmt.Errorf("%s: %v is not a number from 0 on", l.key, l.value))
		}
	}
	if c.Slice != 0 && (c.Slice < timeslice.Min || c.Slice > timeslice.Max) {
		errs = append(errs, fmt.Errorf("slice: %v is not between %v and %v", c.Slice, timeslice.Min, timeslice.Max))
	}
	return errors.Join(errs...)
}

// Budgeted tells whether there is anything for a [Controller] to do.
func (c *Config) Budgeted() bool { return c.CPU > 0 || c.BPF > 0 || c.MemoryMiB > 0 }

// Resource is what a budget is for.
type Resource string

// The resources.
const (
	CPU    Resource = "cpu"
	BPF    Resource = "bpf"
	Memory Resource = "memory"
)

// Usage is what was used, as parts of the budgets: 1 is all of it.
type Usage map[Resource]float64

// Parts makes a Usage: shares of a processor, and bytes.
func (c *Config) Parts(cpu, bpf float64, memory uint64) Usage {
	u := Usage{}
	for _, one := range []struct {
		resource Resource
		used     float64
		budget   float64
	}{{CPU, cpu, c.CPU}, {BPF, bpf, c.BPF}, {Memory, float64(memory), float64(c.MemoryMiB << 20)}} {
		if one.budget > 0 {
			u[one.resource] = one.used / one.budget
		}
	}
	return u
}

// worst gives the resource of which the most is used, the first by its name if there are
// several.
func (u Usage) worst() (worst Resource, part float64) {
	for _, r := range []Resource{BPF, CPU, Memory} {
		if p, ok := u[r]; ok && (worst == "" || p > part) {
			worst, part = r, p
		}
	}
	return worst, part
}

// The pace of a [Controller].
const (
	// patience is how long a budget is exceeded before anything is shed, and how long what
	// was shed has to take effect.
	patience = 3 * time.Second
	// ease is the part of a budget under which there is room for more.
	ease = 0.8
	// calm is how long there is room before something is taken up again, at first. It
	// doubles, up to maxCalm, each time that this turns out to have been too early.
	calm, maxCalm = 15 * time.Second, 8 * time.Minute
)

// Controller decides how many steps are shed, of so many, by what is used. It goes one step
// at a time. The zero value sheds nothing; Steps must be set.
type Controller struct {
	// Steps is how many there are.
	Steps int

	level       int
	over, under time.Time // since when, zero if not
	changed     time.Time
	raised      bool // the last change took up something again
	calm        time.Duration
}

// Next takes a measurement and gives the number of steps to shed from now on, and the
// resource that decides.
func (c *Controller) Next(now time.Time, u Usage) (level int, by Resource) {
	by, part := u.worst()
	if c.calm == 0 {
		c.calm = calm
	}
	switch {
	case part > 1:
		c.under = time.Time{}
		if c.over.IsZero() {
			c.over = now
		}
		if now.Sub(c.over) >= patience && now.Sub(c.changed) >= patience && c.level < c.Steps {
			if c.raised && now.Sub(c.changed) < c.calm {
				c.calm = min(2*c.calm, maxCalm)
			}
			c.level, c.changed, c.raised = c.level+1, now, false
		}
	case part < ease:
		c.over = time.Time{}
		if c.under.IsZero() {
			c.under = now
		}
		if now.Sub(c.under) >= c.calm && now.Sub(c.changed) >= c.calm && c.level > 0 {
			c.level, c.changed, c.raised = c.level-1, now, true
		}
		if c.level == 0 && now.Sub(c.changed) >= maxCalm {
			c.calm = calm
		}
	default:
		c.over, c.under = time.Time{}, time.Time{}
	}
	return c.level, by
}

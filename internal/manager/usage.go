// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/limits"
)

// usage measures what the process and the programs use.
type usage struct {
	units []*unit
	stats io.Closer // keeps the kernel measuring its programs, nil if it is not to

	at  time.Time
	cpu time.Duration
	bpf map[*unit]time.Duration
	// last is what the programs of each unit used between the last two measurements.
	last map[*unit]time.Duration
}

// newUsage makes the kernel measure, if that is wanted.
func newUsage(units []*unit, bpf bool) (*usage, error) {
	u := &usage{units: units, bpf: map[*unit]time.Duration{}, last: map[*unit]time.Duration{}}
	if !bpf {
		return u, nil
	}
	var err error
	if u.stats, err = ebpf.EnableStats(unix.BPF_STATS_RUN_TIME); err != nil {
		return nil, fmt.Errorf("limits::bpf: the kernel cannot be told to measure its programs, which takes CAP_SYS_ADMIN: %w", err)
	}
	return u, nil
}

// measure gives what was used since the last time, as parts of the budgets. The first time
// nothing was used.
func (u *usage) measure(now time.Time, cfg *limits.Config) (limits.Usage, error) {
	cpu, err := cpuTime()
	if err != nil {
		return nil, err
	}
	memory, err := residentMemory()
	if err != nil {
		return nil, err
	}
	var inKernel time.Duration
	if u.stats != nil {
		for _, one := range u.units {
			total, err := one.runTime()
			if err != nil {
				return nil, fmt.Errorf("the programs of %s: %w", one.name, err)
			}
			u.last[one], u.bpf[one] = total-u.bpf[one], total
			inKernel += u.last[one]
		}
	}
	elapsed, used := now.Sub(u.at), cpu-u.cpu
	first := u.at.IsZero()
	u.at, u.cpu = now, cpu
	if first || elapsed <= 0 {
		return cfg.Parts(0, 0, memory), nil
	}
	return cfg.Parts(used.Seconds()/elapsed.Seconds(), inKernel.Seconds()/elapsed.Seconds(), memory), nil
}

// of is what the programs of a unit used lately.
func (u *usage) of(one *unit) time.Duration { return u.last[one] }

func (u *usage) close() error {
	if u.stats == nil {
		return nil
	}
	return u.stats.Close()
}

// keep keeps the programs that a unit loaded, for runTime.
func (u *unit) keep(programs map[string]*ebpf.Program) error {
	for _, p := range programs {
		own, err := p.Clone()
		if err != nil {
			return err
		}
		u.programs = append(u.programs, own)
	}
	return nil
}

// runTime is the time that the unit's programs have taken.
func (u *unit) runTime() (time.Duration, error) {
	var sum time.Duration
	for _, p := range u.programs {
		s, err := p.Stats()
		if err != nil {
			return 0, err
		}
		sum += s.Runtime
	}
	return sum, nil
}

// release ends keep.
func (u *unit) release() error {
	var errs []error
	for _, p := range u.programs {
		errs = append(errs, p.Close())
	}
	u.programs = nil
	return errors.Join(errs...)
}

// cpuTime is that of all threads of this process.
func cpuTime() (time.Duration, error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// residentMemory is that of this process, in bytes.
func residentMemory() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, errors.New("/proc/self/statm has too few fields")
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	return pages * uint64(os.Getpagesize()), err
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// clocks converts the clocks that programs read to wall-clock time.
type clocks struct {
	probe.Clock
	asleep int64 // boot time minus monotonic time: how long the machine was suspended, ns
}

func newClocks(c probe.Clock) *clocks {
	k := &clocks{Clock: c}
	k.renew()
	return k
}

// renew measures how long the machine was suspended. Where it never was that is 0 but for
// the time between two readings.
func (c *clocks) renew() {
	var boot, mono unix.Timespec
	best := int64(1) << 62
	for range 5 {
		// Neither fails: both clocks exist since Linux 2.6.39.
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono)
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot)
		best = min(best, boot.Nano()-mono.Nano())
	}
	const jitter = 1_000_000
	if best < jitter {
		best = 0
	}
	c.asleep = best
}

// boot converts a time of a kernel's clock to boot time. That of the wall clock stays as it is.
func (c *clocks) boot(name ClockName, n int64) int64 {
	if name == Monotonic {
		return n + c.asleep
	}
	return n
}

// stamp converts a time to wall-clock time.
func (c *clocks) stamp(name ClockName, n int64) pcommon.Timestamp {
	if name == Wall {
		return pcommon.Timestamp(n)
	}
	return c.Timestamp(uint64(c.boot(name, n)))
}

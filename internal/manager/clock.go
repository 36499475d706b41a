// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// clock converts boot time to wall-clock time. The difference of the two moves
// when the wall clock is set, so the loops renew it from time to time.
type clock struct {
	offset atomic.Int64 // wall clock minus boot time, ns
}

var _ probe.Clock = (*clock)(nil)

func newClock() *clock {
	c := &clock{}
	c.renew()
	return c
}

// jitter is what the offset may differ by from the one in use, ns. Below it the times of
// spans that belong together are rather in step with each other than with the wall clock.
const jitter = 10_000

// renew measures the offset. It reads the boot time before and after the wall clock
// and takes the closest of some attempts, because it may be interrupted in between.
func (c *clock) renew() {
	best, offset := uint64(1)<<62, int64(0)
	for range 5 {
		before := c.Now()
		wall := time.Now().UnixNano()
		after := c.Now()
		if after-before < best {
			best = after - before
			offset = wall - int64(before+best/2)
		}
	}
	if d := offset - c.offset.Load(); d > jitter || d < -jitter {
		c.offset.Store(offset)
	}
}

// Now implements probe.Clock.
func (c *clock) Now() uint64 {
	var ts unix.Timespec
	// It cannot fail: the clock exists since Linux 2.6.39.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return uint64(ts.Nano())
}

// Time implements probe.Clock.
func (c *clock) Time(boot uint64) time.Time {
	return time.Unix(0, int64(boot)+c.offset.Load())
}

// Timestamp implements probe.Clock.
func (c *clock) Timestamp(boot uint64) pcommon.Timestamp {
	return pcommon.Timestamp(int64(boot) + c.offset.Load())
}

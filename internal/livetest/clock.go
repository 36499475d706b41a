// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package livetest

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"golang.org/x/sys/unix"
)

// Clock is a [probe.Clock] of this machine.
type Clock struct{}

// Now implements probe.Clock.
func (Clock) Now() uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(err) // only for an unknown clock
	}
	return uint64(ts.Nano())
}

// Time implements probe.Clock.
func (c Clock) Time(boot uint64) time.Time {
	return time.Now().Add(time.Duration(boot - c.Now()))
}

// Timestamp implements probe.Clock.
func (c Clock) Timestamp(boot uint64) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(c.Time(boot))
}

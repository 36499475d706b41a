// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package timeslice lets this process ask the kernel's scheduler for other time slices than the
// default ones.
//
// A thread that has its processor keeps it for a slice (0.7 to 2.8 ms, by the number of processors)
// before one that wakes up there gets it, whatever the nice values of both (RUN_TO_PARITY). So the
// bursts of work of a collector delay what it shares processors with; with short slices not for long.
package timeslice

import (
	"errors"
	"time"
)

// The bounds that the kernel sets: it takes the nearer one for what is beyond.
const (
	Min = 100 * time.Microsecond
	Max = 100 * time.Millisecond
)

// ErrUnsupported is returned where the kernel knows no slices of single threads.
var ErrUnsupported = errors.New("the kernel has one time slice for all threads (before 6.12, or without EEVDF)")

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package timeslice

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// passes is how often the list of threads is gone through: a thread that begins meanwhile inherits
// the slice of the one that began it, which may not have had its own yet.
const passes = 10

// Set asks for slices of this length for all threads of the process; those that begin later inherit
// it. Zero is the kernel's default. Policies and nice values stay; threads of another policy than
// SCHED_OTHER and SCHED_BATCH are left alone. It takes no capability.
//
// Returns [ErrUnsupported], or an error that wraps the kernel's. The source is kernel commit "sched/eevdf:
// Use sched_attr::sched_runtime to set request/slice suggestion" (v6.12).
func Set(length time.Duration) error {
	done := map[int]bool{}
	for range passes {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("threads of this process: %w", err)
		}
		fresh := false
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil || done[id] {
				continue
			}
			if err := set(id, length); err != nil {
				return err
			}
			done[id], fresh = true, true
		}
		if !fresh {
			return nil
		}
	}
	return nil
}

// set does so for one thread, if it is still there.
func set(thread int, length time.Duration) error {
	attr, err := unix.SchedGetAttr(thread, 0)
	if err == nil && attr.Policy != unix.SCHED_NORMAL && attr.Policy != unix.SCHED_BATCH {
		return nil
	}
	if err == nil {
		attr.Runtime = uint64(length)
		err = unix.SchedSetAttr(thread, attr, 0)
	}
	if err == nil {
		attr, err = unix.SchedGetAttr(thread, 0)
	}
	switch {
	case errors.Is(err, unix.ESRCH):
		return nil
	case err != nil:
		return fmt.Errorf("the time slice of a thread cannot be set: %w", err)
	case length != 0 && attr.Runtime != uint64(min(max(length, Min), Max)):
		return ErrUnsupported
	default:
		return nil
	}
}

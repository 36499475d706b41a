// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

// Goroutines is the Daemon for the Instrument "go", which tells in the maps go_goroutines
// and go_processes what a goroutine takes part in: see bpf/include/socket_goroutine.h.
type Goroutines interface {
	// FollowGoroutines tells the kernel's programs whether that is so.
	FollowGoroutines(on bool) error
}

var _ Goroutines = (*daemon)(nil)

// FollowGoroutines implements Goroutines.
func (d *daemon) FollowGoroutines(on bool) error {
	var n uint8
	if on {
		n = 1
	}
	return d.tell("whether goroutines are followed", map[string]any{"go_followed": n})
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import "github.com/cilium/ebpf"

// Goroutines is the Daemon for the Instrument "go", which tells in the maps go_goroutines,
// go_processes and go_marks what a goroutine takes part in: see bpf/include/socket_goroutine.h.
type Goroutines interface {
	// FollowGoroutines tells the kernel's programs whether that is so.
	FollowGoroutines(on bool) error
	// GoMarks is the map go_marks. It is nil where the variant does not know goroutines.
	GoMarks() *ebpf.Map
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

// GoMarks implements Goroutines.
func (d *daemon) GoMarks() *ebpf.Map {
	if d.coll == nil {
		return nil
	}
	return d.coll.Maps["go_marks"]
}

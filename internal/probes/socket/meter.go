// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

var _ probe.Meter = (*daemon)(nil)

// Meter implements probe.Meter.
func (d *daemon) Meter(yield func(p *probe.ProcessInfo, records uint64)) {
	for p, n := range d.meter {
		yield(p, n)
	}
	if d.meter == nil {
		d.meter = map[*probe.ProcessInfo]uint64{}
	}
	clear(d.meter)
}

// measure counts a record for its process.
func (d *daemon) measure(c stream.Handle) {
	if d.meter != nil {
		d.meter[c.Conn().Process]++
	}
}

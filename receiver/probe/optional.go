// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"time"

	"github.com/cilium/ebpf"
)

// Ring is a BPF ring buffer, or the perf buffers of all CPUs, and what takes its records.
type Ring struct {
	// Map is of type BPF_MAP_TYPE_RINGBUF or BPF_MAP_TYPE_PERF_EVENT_ARRAY.
	Map *ebpf.Map
	// Handle is called for each record. The record is valid only during the
	// call. It must check the length before it reads: that of a perf buffer has up to 7
	// bytes more than were sent.
	Handle func(record []byte)
	// Lost is called with the number of records that the kernel says a perf buffer had no
	// space for. It may be nil. Of a ring buffer the kernel does not tell.
	Lost func(records uint64)
	// PerCPU is the size of the perf buffer of each CPU in bytes; 0 means 64 KiB.
	PerCPU int
}

// RingReader is a probe that sends records from the kernel. Rings is called
// once after Load.
type RingReader interface {
	Rings() []Ring
}

// MapSharer is a Daemon whose maps are used by the objects of those that
// depend on it, by map name.
type MapSharer interface {
	SharedMaps() map[string]*ebpf.Map
}

// Ticker is called some times a second, for timeouts, and every two seconds on a host where
// nothing happens. The first time is when all probes are loaded, before its goroutine runs.
// now is kernel time.
type Ticker interface {
	Tick(now uint64)
}

// Collector produces metrics every collection interval, and once at Shutdown.
type Collector interface {
	Collect(ctx context.Context, now time.Time) error
}

// Flusher hands on what it held back. It is called at Shutdown after the last
// record was handled and before the last Collect.
type Flusher interface {
	Flush()
}

// Accountant counts. Counts are cumulative since Load.
type Accountant interface {
	Counts() Counts
}

// Reconfigurer applies a new configuration while the probe runs.
type Reconfigurer interface {
	Reconfigure(ctx context.Context, config any) error
}

// Shedding is what a probe is to do without. The zero value means nothing.
type Shedding struct {
	// Drop is the part of the traces that is left out of those which the configuration
	// keeps, 0 to 1. What is left out counts as sampled out; metrics have all.
	Drop float64
	// Bare leaves out of spans what they say at length, as header fields, sizes of bodies
	// and texts of queries. A span that says less for it counts as incomplete.
	Bare bool
}

// Shedder can do with less. Shed is called when the receiver uses more than its limits allow,
// and when it does not any more, on the goroutine that serves the probe. What was shed before
// is replaced.
type Shedder interface {
	Shed(s Shedding) error
}

// Meter tells of how many records of each process a probe took since the last call. It is
// called about once a second, on the goroutine that serves the probe, and only when there are
// limits: a probe may begin to count with the first call.
type Meter interface {
	Meter(yield func(p *ProcessInfo, records uint64))
}

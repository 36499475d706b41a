// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import "sync/atomic"

// Account counts what one probe gave to the pipelines. It is safe for
// concurrent use.
type Account struct {
	// Traces counts spans, Logs log records, Metrics data points.
	Traces, Logs, Metrics Tally
}

// Tally counts the items of one signal:
// emitted = delivered + refused + in flight.
type Tally struct {
	emitted, delivered, refused atomic.Uint64
}

// Totals are the values of a Tally at one moment, in items.
type Totals struct {
	// Emitted is what the probe made. Data points count from the flush on.
	Emitted uint64
	// Delivered is what a pipeline took.
	Delivered uint64
	// Refused is what no pipeline took and was dropped.
	Refused uint64
	// InFlight is what is in a batch or in the queue.
	InFlight uint64
}

// Totals reads the Tally. The sum holds in every result.
func (t *Tally) Totals() Totals {
	// What is settled was emitted before, so emitted is read last.
	r := Totals{Delivered: t.delivered.Load(), Refused: t.refused.Load()}
	r.Emitted = t.emitted.Load()
	r.InFlight = r.Emitted - r.Delivered - r.Refused
	return r
}

// share is the part of a batch that came from one probe.
type share struct {
	scope string
	tally *Tally
	n     uint64
}

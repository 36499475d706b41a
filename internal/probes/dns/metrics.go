// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package dns

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/semconv/v1.40.0/dnsconv"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// durationBounds are the conventions' boundaries, in seconds.
var durationBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// durations is the index of a series' only histogram.
const durations = 0

// ServerDuration is the metric of servers. The conventions have one of clients only, which
// must not count a lookup twice where both ends are observed: hence a name of our own.
const ServerDuration = "ebpf.dns.server.lookup.duration"

// seriesKey is an attribute set. Its strings are interned.
type seriesKey struct{ name, errorType string }

type series = aggregate.Series[seriesKey]

// aggregation holds the metrics of all processes.
type aggregation struct{ table *aggregate.Table[seriesKey] }

func newAggregation(cfg MetricsConfig) *aggregation {
	return &aggregation{table: aggregate.NewTable[seriesKey](cfg.Histogram, cfg.CardinalityLimit)}
}

// record counts a lookup and returns its series.
func (a *aggregation) record(c *conn, l *lookup) *series {
	s := a.table.Find(&c.cursor, c.Process, c.Role, seriesKey{l.name, l.errorType}, l.start)
	a.table.Record(s, durations, durationBounds, l.seconds())
	return s
}

// collect emits all series. It retires those of processes that gone tells.
func (a *aggregation) collect(emit probe.Emitter, clock probe.Clock, now pcommon.Timestamp, gone func(*probe.ProcessInfo) bool) {
	var d dnsconv.LookupDuration
	a.table.Collect(&aggregate.Collection[seriesKey]{
		Emit: emit, Clock: clock, Now: now, Gone: gone,
		Instruments: []aggregate.Instrument{
			{Role: stream.Client, Name: d.Name(), Unit: d.Unit(), Description: d.Description(), Index: durations},
			{Role: stream.Server, Name: ServerDuration, Unit: "s", Description: "Duration of DNS lookups, as the server saw them.", Index: durations},
		},
		Attributes: func(m pcommon.Map, _ stream.Role, k *seriesKey) {
			m.EnsureCapacity(2)
			m.PutStr(keyName, k.name)
			put(m, keyErrorType, k.errorType)
		},
	})
}

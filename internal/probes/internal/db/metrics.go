// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package db

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/semconv/v1.40.0/dbconv"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// The conventions' boundaries, in seconds and rows.
var (
	durationBounds = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}
	rowsBounds     = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}
)

// Indices of a series' histograms.
const (
	durations = iota
	returnedRows
)

// ServerDuration is the metric of servers. The conventions have metrics of
// database clients only, and theirs must not count an operation twice where both
// ends are observed: hence a name of our own.
const ServerDuration = "ebpf.db.server.operation.duration"

// seriesKey is an attribute set. Its strings are interned.
type seriesKey struct {
	system, operation, collection, namespace, procedure string
	summary, status, errorType                          string
	host                                                string // of clients
	port                                                uint16
}

type series = aggregate.Series[seriesKey]

// aggregation holds the metrics of all processes.
type aggregation struct {
	cfg   MetricsConfig
	table *aggregate.Table[seriesKey]
}

func newAggregation(cfg MetricsConfig) *aggregation {
	return &aggregation{cfg: cfg, table: aggregate.NewTable[seriesKey](cfg.Histogram, cfg.CardinalityLimit)}
}

// record counts an exchange and returns its series.
func (a *aggregation) record(c *Conn, ex *Exchange) *series {
	k := seriesKey{
		system: ex.System, operation: ex.Operation, collection: ex.Collection, namespace: ex.Namespace,
		procedure: ex.Procedure, summary: ex.Summary, status: ex.Status, errorType: ex.ErrorType,
	}
	if c.Role == stream.Client {
		k.host, k.port = c.ServerAddress, c.ServerPort
	}
	s := a.table.Find(&c.cursor, c.Process, c.Role, k, ex.Start)
	a.table.Record(s, durations, durationBounds, ex.seconds())
	if a.cfg.ReturnedRows && ex.Rows >= 0 {
		a.table.Record(s, returnedRows, rowsBounds, float64(ex.Rows))
	}
	return s
}

func instruments() []aggregate.Instrument {
	var (
		cd dbconv.ClientOperationDuration
		cr dbconv.ClientResponseReturnedRows
	)
	return []aggregate.Instrument{
		{Role: stream.Client, Name: cd.Name(), Unit: cd.Unit(), Description: cd.Description(), Index: durations},
		{Role: stream.Client, Name: cr.Name(), Unit: cr.Unit(), Description: cr.Description(), Index: returnedRows},
		{Role: stream.Server, Name: ServerDuration, Unit: "s", Description: "Duration of database operations, as the server saw them.", Index: durations},
	}
}

// collect emits all series. It retires those of processes that gone tells.
func (a *aggregation) collect(emit probe.Emitter, clock probe.Clock, now pcommon.Timestamp, gone func(*probe.ProcessInfo) bool) {
	a.table.Collect(&aggregate.Collection[seriesKey]{
		Emit: emit, Clock: clock, Now: now, Instruments: instruments(), Attributes: attributes, Gone: gone,
	})
}

func attributes(m pcommon.Map, _ stream.Role, k *seriesKey) {
	m.EnsureCapacity(8)
	m.PutStr(keySystem, k.system)
	put(m, keyOperation, k.operation)
	put(m, keyCollection, k.collection)
	put(m, keyNamespace, k.namespace)
	put(m, keyProcedure, k.procedure)
	put(m, keySummary, k.summary)
	put(m, keyStatus, k.status)
	put(m, keyErrorType, k.errorType)
	if k.host != "" {
		// The server is known by the address of the connection's other end.
		m.PutStr(keyServerAddress, k.host)
		m.PutInt(keyServerPort, int64(k.port))
		m.PutStr(keyPeerAddress, k.host)
		m.PutInt(keyPeerPort, int64(k.port))
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package db

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/endpoint"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
)

// Exchange is an operation with its result, of any database. Its strings are
// interned or constant: the Exchange is kept by copying it. What is not known is
// empty.
type Exchange struct {
	System    string // db.system.name
	Operation string // db.operation.name, of low cardinality
	// Collection, Namespace and Procedure are db.collection.name, db.namespace and
	// db.stored_procedure.name.
	Collection, Namespace, Procedure string
	Summary                          string // db.query.summary
	Text                             string // db.query.text, without secrets
	Status                           string // db.response.status_code
	ErrorType                        string // error.type; not empty if the operation failed
	Batch                            int    // db.operation.batch.size from 2 on
	Rows                             int64  // returned rows, -1 when not known
	// NoNamespaceInName: the namespace says nothing to a reader of span names.
	NoNamespaceInName bool

	// Remote is the trace context in the operation.
	Remote tracing.Remote

	// Start and End are boot time in ns.
	Start, End uint64
	Request    segment.Tag
	// ResponseTID is the thread that received or sent the response.
	ResponseTID uint32
}

// seconds is the duration.
func (ex *Exchange) seconds() float64 { return float64(ex.End-ex.Start) / 1e9 }

// SetTimes picks the first and the last time that is known.
func (ex *Exchange) SetTimes(requestStart, requestEnd, responseStart, responseEnd, end uint64) {
	ex.Start = firstOf(requestStart, requestEnd, responseStart, end)
	ex.End = max(firstOf(responseEnd, end), ex.Start)
}

func firstOf(times ...uint64) uint64 {
	for _, t := range times {
		if t != 0 {
			return t
		}
	}
	return 0
}

// Conn is one end of a connection. Held exchanges use it also after its end.
type Conn struct {
	endpoint.Endpoint
	// Product is db.system.name where the server says it, "" until then.
	Product string

	cursor aggregate.Cursor[seriesKey]
	// thread is where the connection's requests are found by what their thread
	// sends, nil for clients and Go programs.
	thread *correlate.Conn
}

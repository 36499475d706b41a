// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package db

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// Keys of attributes, as plain strings.
const (
	keySystem        = string(semconv.DBSystemNameKey)
	keyOperation     = string(semconv.DBOperationNameKey)
	keyCollection    = string(semconv.DBCollectionNameKey)
	keyNamespace     = string(semconv.DBNamespaceKey)
	keyProcedure     = string(semconv.DBStoredProcedureNameKey)
	keySummary       = string(semconv.DBQuerySummaryKey)
	keyText          = string(semconv.DBQueryTextKey)
	keyStatus        = string(semconv.DBResponseStatusCodeKey)
	keyRows          = string(semconv.DBResponseReturnedRowsKey)
	keyBatch         = string(semconv.DBOperationBatchSizeKey)
	keyErrorType     = string(semconv.ErrorTypeKey)
	keyServerAddress = string(semconv.ServerAddressKey)
	keyServerPort    = string(semconv.ServerPortKey)
	keyClientAddress = string(semconv.ClientAddressKey)
	keyPeerAddress   = string(semconv.NetworkPeerAddressKey)
	keyPeerPort      = string(semconv.NetworkPeerPortKey)
	keyTransport     = string(semconv.NetworkTransportKey)
)

// fill writes the exchange to a span, by the database semantic conventions.
func (r *Recorder) fill(span ptrace.Span, c *Conn, ex *Exchange, id *tracing.Identity) {
	id.Write(span)
	span.SetName(r.spanName(c, ex))
	span.SetStartTimestamp(r.set.Clock.Timestamp(ex.Start))
	span.SetEndTimestamp(r.set.Clock.Timestamp(ex.End))
	m := span.Attributes()
	m.EnsureCapacity(12)
	m.PutStr(keySystem, ex.System)
	put(m, keyOperation, ex.Operation)
	put(m, keyCollection, ex.Collection)
	put(m, keyNamespace, ex.Namespace)
	put(m, keyProcedure, ex.Procedure)
	put(m, keySummary, ex.Summary)
	if r.bare && ex.Text != "" {
		r.counts.Incomplete++
	} else {
		put(m, keyText, ex.Text)
	}
	put(m, keyStatus, ex.Status)
	if ex.ErrorType != "" {
		m.PutStr(keyErrorType, ex.ErrorType)
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	if ex.Batch > 1 {
		m.PutInt(keyBatch, int64(ex.Batch))
	}
	if r.cfg.Metrics.ReturnedRows && ex.Rows >= 0 {
		m.PutInt(keyRows, ex.Rows)
	}
	if c.ServerAddress != "" {
		m.PutStr(keyServerAddress, c.ServerAddress)
		m.PutInt(keyServerPort, int64(c.ServerPort))
	}
	if c.RemoteAddress != "" {
		m.PutStr(keyPeerAddress, c.RemoteAddress)
		m.PutInt(keyPeerPort, int64(c.RemotePort))
	}
	if c.Unix {
		m.PutStr(keyTransport, "unix")
	}
	c.PutTLS(m)
	if c.Role == stream.Client {
		span.SetKind(ptrace.SpanKindClient)
		return
	}
	span.SetKind(ptrace.SpanKindServer)
	put(m, keyClientAddress, c.RemoteAddress)
}

func put(m pcommon.Map, key, value string) {
	if value != "" {
		m.PutStr(key, value)
	}
}

// nameKey is what a span name is made of when there is no summary.
type nameKey struct {
	operation, target string
	port              uint16 // with an address as the target
}

// maxNames bounds the names that are remembered.
const maxNames = 1024

// spanName is the summary, else the operation and its target, else one of them,
// else the system ("Name" of the database client spans).
func (r *Recorder) spanName(c *Conn, ex *Exchange) string {
	if ex.Summary != "" {
		return ex.Summary
	}
	k := nameKey{operation: ex.Operation}
	switch {
	case ex.Collection != "":
		k.target = ex.Collection
	case ex.Procedure != "":
		k.target = ex.Procedure
	case ex.Namespace != "" && !ex.NoNamespaceInName:
		k.target = ex.Namespace
	case c.ServerAddress != "":
		k.target, k.port = c.ServerAddress, c.ServerPort
	}
	if k == (nameKey{}) {
		return ex.System
	}
	name, ok := r.names[k]
	if !ok {
		name = k.String()
		if len(r.names) >= maxNames {
			clear(r.names)
		}
		r.names[k] = name
	}
	return name
}

func (k nameKey) String() string {
	name := k.operation
	if name != "" && k.target != "" {
		name += " "
	}
	name += k.target
	if k.port != 0 {
		name += ":" + strconv.Itoa(int(k.port))
	}
	return name
}

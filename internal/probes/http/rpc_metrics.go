// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/semconv/v1.40.0/rpcconv"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// callKey is an attribute set of calls. Its strings are interned or constant.
type callKey struct {
	method, errorType string
	host              string // "" without server.address
	port              uint16
	status            uint8
}

type callSeries = aggregate.Series[callKey]

// callAggregation holds the metrics of the calls of all processes.
type callAggregation struct {
	cfg   MetricsConfig
	table *aggregate.Table[callKey]
}

func newCallAggregation(cfg MetricsConfig) *callAggregation {
	return &callAggregation{cfg: cfg, table: aggregate.NewTable[callKey](cfg.Histogram, cfg.CardinalityLimit)}
}

// record counts a call and returns its series.
func (a *callAggregation) record(c *peer, k *call, f *facts) *callSeries {
	key := callKey{method: k.method, errorType: k.errorType, status: k.status}
	if c.Role == stream.Client || a.cfg.ServerAddress {
		key.host, key.port = f.host, f.port
	}
	s := a.table.Find(&c.calls, c.Process, c.Role, key, f.start)
	// The boundaries are those of the conventions for rpc.*.call.duration as well.
	a.table.Record(s, durations, durationBounds, f.seconds())
	return s
}

// collect emits all series. It retires those of processes that gone tells.
func (a *callAggregation) collect(emit probe.Emitter, clock probe.Clock, now pcommon.Timestamp, gone func(*probe.ProcessInfo) bool) {
	var (
		server rpcconv.ServerCallDuration
		client rpcconv.ClientCallDuration
	)
	a.table.Collect(&aggregate.Collection[callKey]{
		Emit: emit, Clock: clock, Now: now, Gone: gone,
		Instruments: []aggregate.Instrument{
			{Role: stream.Server, Name: server.Name(), Unit: server.Unit(), Description: server.Description(), Index: durations},
			{Role: stream.Client, Name: client.Name(), Unit: client.Unit(), Description: client.Description(), Index: durations},
		},
		Attributes: func(m pcommon.Map, _ stream.Role, k *callKey) {
			m.EnsureCapacity(6)
			m.PutStr(keySystem, systemGRPC)
			if k.method != "" {
				m.PutStr(keyRPC, k.method)
			}
			if k.status != statusNotReceived {
				m.PutStr(keyRPCStatus, callStatuses[k.status])
			}
			if k.errorType != "" {
				m.PutStr(string(semconv.ErrorTypeKey), k.errorType)
			}
			if k.host != "" {
				m.PutStr(keyServerAddress, k.host)
				if k.port != 0 {
					m.PutInt(keyServerPort, int64(k.port))
				}
			}
		},
	})
}

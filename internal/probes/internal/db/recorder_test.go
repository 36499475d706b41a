// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package db

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/endpoint"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// The name is the first thing that is known ("Name" of the database client spans).
func TestSpanName(t *testing.T) {
	r := NewRecorder(probe.Settings{}, DefaultConfig())
	at := &Conn{Endpoint: endpoint.Endpoint{ServerAddress: "db.example", ServerPort: 5432}}
	for _, c := range []struct {
		conn *Conn
		ex   Exchange
		want string
	}{
		{at, Exchange{Summary: "SELECT a", Operation: "SELECT", Collection: "b"}, "SELECT a"},
		{at, Exchange{Operation: "SELECT", Collection: "b", Namespace: "n"}, "SELECT b"},
		{at, Exchange{Operation: "CALL", Procedure: "p", Namespace: "n"}, "CALL p"},
		{at, Exchange{Operation: "COMMIT", Namespace: "n"}, "COMMIT n"},
		{at, Exchange{Operation: "GET", Namespace: "0", NoNamespaceInName: true}, "GET db.example:5432"},
		{at, Exchange{System: "redis"}, "db.example:5432"},
		{&Conn{}, Exchange{Operation: "GET"}, "GET"},
		{&Conn{}, Exchange{System: "redis"}, "redis"},
	} {
		for range 2 { // also when it was made before
			assert.Equal(t, c.want, r.spanName(c.conn, &c.ex))
		}
	}
}

func TestTimesAndErrors(t *testing.T) {
	var ex Exchange
	ex.SetTimes(5, 6, 7, 8, 9)
	assert.Equal(t, [2]uint64{5, 8}, [2]uint64{ex.Start, ex.End})
	ex.SetTimes(0, 0, 0, 0, 9)
	assert.Equal(t, [2]uint64{9, 9}, [2]uint64{ex.Start, ex.End})
	assert.Equal(t, "connection_closed", CutError(segment.CloseNormal))
	assert.Equal(t, "connection_reset", CutError(segment.CloseReset))
	assert.Empty(t, CutError(segment.CloseShutdown))
}

// Without a pipeline for traces an exchange is delivered with the metrics.
func TestRecorderCounts(t *testing.T) {
	r := NewRecorder(probe.Settings{Signals: probe.Metrics}, DefaultConfig())
	c := &Conn{Endpoint: endpoint.Endpoint{Process: &probe.ProcessInfo{PID: 1}, Role: stream.Server}}
	for i := range uint64(3) {
		r.Record(c, &Exchange{System: "redis", Operation: "GET", Start: i, End: i + 10, Rows: -1})
	}
	r.Filter()
	var lost [probe.NumCauses]uint64
	lost[probe.Unmatched] = 2
	n := r.Counts(lost)
	assert.EqualValues(t, 3, n.Delivered)
	assert.EqualValues(t, 1, n.Filtered)
	assert.EqualValues(t, 6, n.Seen)
}

func BenchmarkRecordMetrics(b *testing.B) {
	r := NewRecorder(probe.Settings{Signals: probe.Metrics}, DefaultConfig())
	c := &Conn{Endpoint: endpoint.Endpoint{Process: &probe.ProcessInfo{PID: 1}, Role: stream.Server}}
	ex := &Exchange{System: "redis", Operation: "GET", Start: 1, End: 1_000_000, Rows: -1}
	b.ReportAllocs()
	for b.Loop() {
		r.Record(c, ex)
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// callRecord is one of the object "calls".
func callRecord(at, thread uint64, pid, phase uint32, ret int64, comm string) []byte {
	b := make([]byte, 48)
	binary.LittleEndian.PutUint64(b, at)
	binary.LittleEndian.PutUint64(b[8:], thread)
	binary.LittleEndian.PutUint32(b[16:], pid)
	binary.LittleEndian.PutUint32(b[20:], phase)
	binary.LittleEndian.PutUint64(b[24:], uint64(ret))
	copy(b[32:], comm)
	return b
}

// beginning is one of its second buffer.
func beginning(at, thread uint64, pid uint32, name string) []byte {
	b := make([]byte, 40)
	binary.LittleEndian.PutUint32(b, pid)
	binary.LittleEndian.PutUint64(b[8:], thread)
	binary.LittleEndian.PutUint64(b[16:], at)
	copy(b[24:], name)
	return b
}

const pairsOfCalls = `{outputs: [{map: calls, clock: wall, process: pid,
  pair: {key: [thread], begin: {phase: BEGIN}, end: {phase: [END]}, timeout: 10s, max_open: 3},
  span: {name: "{begin.comm} to {comm}", start: begin.time, end: end.time, error: ret},
  attributes: {ret: ret, begin.comm: before}}]}`

func (i *Instrument) feed(n int, recs ...[]byte) {
	for _, rec := range recs {
		i.handle(inputs(i.sinks)["calls"][n], rec, true)
	}
}

func TestPairs(t *testing.T) {
	i, e := instrumentOf(t, "calls", pairsOfCalls, known{1: {PID: 1}, 2: {PID: 2}})
	i.feed(0, callRecord(10, 5, 1, 1, 0, "one"), callRecord(11, 6, 2, 1, 0, "two"), callRecord(20, 6, 2, 2, 7, "two"), callRecord(30, 5, 1, 2, -13, "new"))
	require.Equal(t, 2, e.spans.Len())
	two, one := e.spans.At(0), e.spans.At(1)
	assert.Equal(t, "two to two", two.Name())
	assert.Equal(t, pcommon.Timestamp(11), two.StartTimestamp())
	assert.Equal(t, pcommon.Timestamp(20), two.EndTimestamp())
	assert.Equal(t, "one to new", one.Name())
	assert.Equal(t, pcommon.Timestamp(10), one.StartTimestamp())
	assert.Equal(t, pcommon.Timestamp(30), one.EndTimestamp())
	assert.Equal(t, map[string]any{"ret": int64(-13), "before": "one", "error.type": "EACCES"}, one.Attributes().AsRaw())
	assert.Equal(t, []uint32{2, 1}, []uint32{e.of[0].PID, e.of[1].PID})
	c := i.Counts()
	assert.EqualValues(t, 4, c.Delivered, "the unit is a record")
	balanced(t, c)
}

// Each record without its other one is counted, and what waits is bounded.
func TestPairsAreAccountedFor(t *testing.T) {
	processes := known{1: {PID: 1}}
	i, e := instrumentOf(t, "calls", pairsOfCalls, processes)
	lost := func(cause probe.Cause) uint64 { n := i.Counts(); return n.Lost[cause] }
	p := i.sinks[0].pairs

	i.feed(0, callRecord(1, 5, 1, 2, 0, "x"))
	assert.Zero(t, lost(probe.Unmatched), "its beginning may be in the buffer of another processor")
	i.feed(0, callRecord(0, 5, 1, 1, 0, "x"))
	i.Tick(0)
	assert.Equal(t, 1, e.spans.Len())
	i.feed(0, callRecord(2, 5, 1, 2, 0, "x"))
	i.Tick(0)
	assert.EqualValues(t, 1, lost(probe.Unmatched), "an end without a beginning")
	i.feed(0, callRecord(3, 5, 1, 1, 0, "x"), callRecord(4, 5, 1, 1, 0, "x"))
	assert.EqualValues(t, 2, lost(probe.Unmatched), "a beginning before another one")
	i.feed(0, callRecord(5, 6, 1, 1, 0, "x"), callRecord(5, 7, 1, 1, 0, "x"), callRecord(5, 8, 1, 1, 0, "x"))
	assert.EqualValues(t, 1, lost(probe.Overflow), "there is room for 3")
	assert.Len(t, p.open, 3)
	i.expire(p, time.Now())
	assert.Len(t, p.open, 3)
	i.expire(p, time.Now().Add(11*time.Second))
	assert.Empty(t, p.open)
	assert.Empty(t, p.queue)
	assert.EqualValues(t, 5, lost(probe.Unmatched), "no end in time")

	i.feed(0, callRecord(6, 9, 1, 3, 0, "x"))
	assert.EqualValues(t, 1, i.Counts().Filtered, "neither begins nor ends")
	i.feed(0, callRecord(6, 9, 2, 1, 0, "x"), callRecord(6, 9, 2, 2, 0, "x"))
	assert.Empty(t, p.open, "what is of nobody takes no room")
	processes[2] = &probe.ProcessInfo{PID: 2}
	i.Tick(0)
	assert.Equal(t, 2, e.spans.Len(), "it is known by now")
	i.feed(0, callRecord(6, 9, 3, 1, 0, "x"), callRecord(6, 9, 3, 2, 0, "x"))
	i.Tick(0)
	assert.EqualValues(t, 3, i.Counts().Filtered)

	full := callRecord(7, 9, 1, 2, 0, "x")
	before := lost(probe.Truncated)
	for n := range 32 {
		i.feed(0, full[:n])
	}
	assert.EqualValues(t, 32, lost(probe.Truncated)-before)
	i.feed(0, callRecord(8, 4, 1, 1, 0, "x"))
	i.Flush()
	assert.EqualValues(t, 6, lost(probe.Unmatched), "open at the end")
	balanced(t, i.Counts())
}

// Memory stays bounded while one beginning waits and others come and go.
func TestPairsThatEndKeepNothing(t *testing.T) {
	i, e := instrumentOf(t, "calls", pairsOfCalls, known{1: {PID: 1}})
	i.feed(0, callRecord(1, 1, 1, 1, 0, "x"))
	for n := range uint64(10_000) {
		i.feed(0, callRecord(n, 2, 1, 1, 0, "x"), callRecord(n, 2, 1, 2, 0, "x"))
		if n%100 == 0 {
			i.Tick(0)
		}
	}
	assert.Equal(t, 10_000, e.spans.Len())
	p := i.sinks[0].pairs
	assert.Len(t, p.open, 1)
	assert.Less(t, len(p.queue), 1300)
	assert.LessOrEqual(t, len(p.free), 3)
	i.Flush()
	balanced(t, i.Counts())
}

// The two records may be in two buffers and of two types.
func TestPairsOfTwoBuffers(t *testing.T) {
	i, e := instrumentOf(t, "calls", `{outputs: [{map: calls, clock: wall, process: pid,
  pair: {key: [thread, pid], begin_key: [id, process], begin_map: beginnings, end: {phase: END}},
  span: {name: "{name}", start: since, end: time}, log: {name: x}}]}`, known{1: {PID: 1}})
	by := inputs(i.sinks)
	require.Len(t, by, 2)
	i.handle(by["beginnings"][0], beginning(3, 5, 1, "one"), true)
	i.handle(by["calls"][0], callRecord(9, 5, 1, 2, 0, "two"), true)
	require.Equal(t, 1, e.spans.Len())
	assert.Equal(t, "one", e.spans.At(0).Name())
	assert.Equal(t, pcommon.Timestamp(3), e.spans.At(0).StartTimestamp())
	assert.Equal(t, pcommon.Timestamp(9), e.spans.At(0).EndTimestamp())
	assert.Equal(t, map[string]any{
		"time": int64(9), "thread": int64(5), "pid": int64(1), "phase": "END", "ret": int64(0), "comm": "two",
		"process": int64(1), "id": int64(5), "since": int64(3), "name": "one",
	}, e.logs.At(0).Attributes().AsRaw(), "all fields of both")
	// Without its text, which may be cut off, it is whole.
	i.handle(by["beginnings"][0], beginning(3, 5, 1, "")[:24], true)
	i.handle(by["beginnings"][0], beginning(3, 5, 1, "")[:23], true)
	assert.EqualValues(t, 1, i.Counts().Lost[probe.Truncated])
	i.Flush()
	balanced(t, i.Counts())
}

func TestPairMistakes(t *testing.T) {
	const begins = "begin: {phase: BEGIN}, end: {phase: END}"
	for pair, want := range map[string]string{
		begins:                    "outputs::0: pair::key: by which fields an end finds its beginning is not known",
		"key: [thread]":           "outputs::0: pair: which records begin and which end is not known: name a field and its value with begin and with end, or another buffer with begin_map",
		"key: [tread], " + begins: `outputs::0 (map calls): pair::key: field "tread": struct call has no member "tread"; it has time, thread, pid, phase, ret, comm`,
		"key: [thread], begin: {phase: BEGUN}, end: {phase: 2}":  `outputs::0 (map calls): pair::begin::phase: enum phase has no value "BEGUN"; it has BEGIN, END`,
		"key: [thread], begin: {pid: [-1]}, end: {phase: 2}":     `outputs::0 (map calls): pair::begin::pid: -1 is out of the range of u32`,
		"key: [thread], begin: {phse: 1}, end: {phase: 2}":       `outputs::0 (map calls): pair::begin: field "phse": struct call has no member "phse"; it has time, thread, pid, phase, ret, comm`,
		"key: [thread], begin_key: [id, pid], " + begins:         "outputs::0: pair::begin_key: it has 2 fields, and key has 1",
		"key: [thread], begin_map: begins":                       `outputs::0 (map calls): pair::begin_map: the object has no map "begins"; it has beginnings, calls`,
		"key: [thread], begin_map: beginnings":                   `outputs::0 (map calls): pair::begin_key: field "thread": struct beginning has no member "thread"; it has process, id, since, name`,
		"key: [thread], begin_type: x, timeout: -1s, " + begins:  "outputs::0: pair: begin_type and begin_layout belong to a begin_map\npair::timeout: it must be greater than 0",
		"key: [thread], max_open: -1, " + begins:                 "outputs::0: pair::max_open: it must be between 1 and 1000000",
		"key: [thread], begin: {phase: {a: 1}}, end: {phase: 2}": "outputs::0: pair::begin::phase: map[a:1] is no value that a field has",
	} {
		_, err := made(t, "calls", fmt.Sprintf("{outputs: [{map: calls, pair: {%s}, log: {name: x}}]}", pair))
		assert.EqualError(t, err, want, pair)
	}
	_, err := made(t, "writes", "{outputs: [{map: calls, pair: {key: [key], "+begins+"}, metric: {name: x, type: sum}}]}")
	assert.EqualError(t, err, "outputs::0 (map calls): pair: pairs are made of the records of a ring buffer or a perf buffer")
	_, err = made(t, "calls", `{outputs: [{map: calls, pair: {key: [thread], begin: {comm: [a, b]}, end: {comm: c}}, log: {name: x}}]}`)
	require.NoError(t, err, "conditions on texts")
}

func BenchmarkPairs(b *testing.B) {
	i, e := instrumentOf(b, "calls", `{outputs: [{map: calls, process: none, attributes: {ret: ret},
  pair: {key: [thread], begin: {phase: BEGIN}, end: {phase: END}}, span: {name: call, start: begin.time, end: end.time}}], limits: {events_per_second: 4294967295}}`, nil)
	begin, end := callRecord(1, 5, 1, 1, 0, "x"), callRecord(2, 5, 1, 2, 0, "x")
	in := inputs(i.sinks)["calls"][0]
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		i.handle(in, begin, true)
		i.handle(in, end, true)
		if n%512 == 0 {
			i.expire(i.sinks[0].pairs, i.now)
			e.spans, e.of = newEmitted().spans, e.of[:0]
		}
	}
}

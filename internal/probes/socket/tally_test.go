// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// The kinds of records are told apart by their size.
func TestSizesOfRecordsDiffer(t *testing.T) {
	sizes := map[int]bool{}
	for _, n := range []int{toldSize, tallySize, summarySize, summarySize + targetSize} {
		assert.False(t, sizes[n], n)
		assert.Less(t, n, recSize)
		sizes[n] = true
	}
}

// adding is a handler that adds up what it is told.
type adding struct {
	counting
	tallies []stream.Tally
}

func (a *adding) Open(*stream.Conn) stream.Handler { return a }
func (*adding) Segment(*stream.Segment)            {}
func (*adding) Skip(stream.Direction, int64)       {}
func (*adding) EOF(stream.Direction, uint64)       {}
func (*adding) Idle(uint64)                        {}
func (*adding) Close(stream.CloseReason, uint64)   {}
func (*adding) Summary(*stream.Summary)            {}
func (a *adding) Tally(t *stream.Tally)            { a.tallies = append(a.tallies, *t) }

func tallyRecord() *objectTallyRecord {
	r := &objectTallyRecord{Conn: 1, Process: 5, Key: 2<<48 | 1<<40 | 1<<32 | 7<<16 | 404, Tgid: 3}
	r.Now.First, r.Now.Last, r.Now.Sum, r.Now.Min, r.Now.Max = 10, 90, 60, 20, 40
	r.Now.Counts[0], r.Now.Counts[14], r.Now.Count = 1, 1, 2
	return r
}

func rawTally(r *objectTallyRecord) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(r)), tallySize)
}

func newTallying(t *testing.T, info *probe.ProcessInfo) (*daemon, *adding) {
	p, err := Factory().New(probe.Settings{Logger: zap.NewNop(), Processes: one{info}, Clock: wall{}}, defaultConfig())
	require.NoError(t, err)
	d, a := p.(*daemon), &adding{}
	require.NoError(t, d.Register(a))
	return d, a
}

func TestTallyIsDecoded(t *testing.T) {
	p := &probe.ProcessInfo{PID: 3}
	d, a := newTallying(t, p)
	d.table.Open(&stream.Conn{ID: 1, Proto: stream.ProtoHTTP1, Process: p}, 1)
	d.record(rawTally(tallyRecord()))
	require.Len(t, a.tallies, 1)
	assert.Equal(t, stream.Tally{
		Start: 10, End: 90, Sum: 60, Min: 20, Max: 40, Counts: [15]uint64{0: 1, 14: 1}, Count: 2,
		Status: 404, Method: stream.Get, Minor: 1, Route: 7,
	}, a.tallies[0])
	assert.EqualValues(t, 1, d.Counts().Delivered)
}

// What no kernel of ours writes is refused, and counted.
func TestOddTalliesAreCounted(t *testing.T) {
	for name, spoil := range map[string]func(r *objectTallyRecord){
		"slot":     func(r *objectTallyRecord) { r.Slot = stream.TallySlots },
		"version":  func(r *objectTallyRecord) { r.Key |= 10 << 40 },
		"method":   func(r *objectTallyRecord) { r.Key &^= 255 << 32 },
		"number":   func(r *objectTallyRecord) { r.Key &= 1<<48 - 1 },
		"counts":   func(r *objectTallyRecord) { r.Now.Count++ },
		"times":    func(r *objectTallyRecord) { r.Now.Last = 9 },
		"duration": func(r *objectTallyRecord) { r.Now.Min = 41 },
	} {
		p := &probe.ProcessInfo{PID: 3}
		d, a := newTallying(t, p)
		d.table.Open(&stream.Conn{ID: 1, Proto: stream.ProtoHTTP1, Process: p}, 1)
		r := tallyRecord()
		spoil(r)
		d.record(rawTally(r))
		assert.Empty(t, a.tallies, name)
		assert.EqualValues(t, 1, d.Counts().Lost[probe.Undecodable], name)
	}
}

// What is counted of a connection that is not known any more is lost, for the protocol by its exchanges,
// but for those that had been told.
func TestTallyOfAnUnknownConnectionIsCounted(t *testing.T) {
	d, a := newTallying(t, &probe.ProcessInfo{PID: 3})
	r := tallyRecord()
	r.Told = 1
	d.record(rawTally(r))
	assert.EqualValues(t, 1, d.Counts().Lost[probe.Unmatched])
	assert.EqualValues(t, 1, a.lost)

	d, a = newTallying(t, nil)
	d.record(rawTally(r))
	d.Flush()
	assert.EqualValues(t, 1, d.Counts().Filtered)
	assert.Zero(t, a.lost)
}

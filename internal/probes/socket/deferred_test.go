// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// heard is a protocol that keeps what it is handed.
type heard struct{ said []string }

func (*heard) Proto() stream.Proto                { return stream.ProtoHTTP1 }
func (h *heard) Open(*stream.Conn) stream.Handler { return h }
func (*heard) Lost(*probe.ProcessInfo, uint64)    {}
func (h *heard) Segment(s *stream.Segment)        { h.said = append(h.said, string(s.Data)) }
func (h *heard) Skip(stream.Direction, int64)     { h.said = append(h.said, "skip") }
func (*heard) EOF(stream.Direction, uint64)       {}
func (*heard) Idle(uint64)                        {}
func (h *heard) Close(stream.CloseReason, uint64) { h.said = append(h.said, "close") }

// settable is a clock and the processes that are known.
type settable struct {
	now   uint64
	known map[uint32]*probe.ProcessInfo
}

func (*settable) Time(boot uint64) time.Time              { return time.Unix(0, int64(boot)) }
func (*settable) Timestamp(boot uint64) pcommon.Timestamp { return pcommon.Timestamp(boot) }
func (s *settable) Now() uint64                           { return s.now }

func (s *settable) Lookup(pid uint32, _ uint64) *probe.ProcessInfo { return s.known[pid] }

func deferring(t *testing.T) (*daemon, *heard, *settable) {
	t.Helper()
	s := &settable{now: 5e9, known: map[uint32]*probe.ProcessInfo{}}
	p, err := Factory().New(probe.Settings{Logger: zap.NewNop(), Processes: s, Clock: s}, defaultConfig())
	require.NoError(t, err)
	d, h := p.(*daemon), &heard{}
	require.NoError(t, d.Register(h))
	return d, h, s
}

// said is a record of a connection with one segment.
func said(conn uint64, pid uint32, pos int, data string, flags uint8) []byte {
	r := &objectRec{Conn: conn, Tgid: pid, Role: uint8(stream.Server), Proto: uint8(stream.ProtoHTTP1), Nsegs: 1, Flags: flags}
	r.Segs[0] = objectSeg{Pos: uint64(pos), Len: uint64(len(data)), Cap: uint32(len(data))}
	return raw(r, data)
}

// What a child said that had ended before anything was known of it is handed on when it is,
// in the order in which it was said.
func TestRecordsWaitForTheirProcess(t *testing.T) {
	d, h, s := deferring(t)
	d.record(said(1, 7, 0, "one", 0))
	s.known[7] = &probe.ProcessInfo{PID: 7}
	d.record(said(1, 7, 3, "two", flagClosed)) // known by now, and still the second one
	require.Empty(t, h.said)
	s.known[8] = &probe.ProcessInfo{PID: 8}
	d.record(said(2, 8, 0, "other", 0)) // waits for nobody
	require.Equal(t, []string{"other"}, h.said)
	d.Tick(s.now)
	require.Equal(t, []string{"other", "one", "two", "close"}, h.said)
	require.Equal(t, probe.Counts{Delivered: 3}, d.Counts())
	d.record(said(2, 8, 5, "more", 0))
	require.Equal(t, "more", h.said[len(h.said)-1])
}

// A process that stays unknown is one that is not selected.
func TestRecordsOfOtherProcessesAreFiltered(t *testing.T) {
	d, h, s := deferring(t)
	d.record(said(1, 7, 0, "one", 0))
	d.Tick(s.now)
	s.now += patience
	d.Tick(s.now)
	require.Zero(t, d.Counts().Filtered)
	s.now += retryEvery
	d.Tick(s.now)
	require.Equal(t, probe.Counts{Filtered: 1}, d.Counts())
	d.record(said(1, 7, 3, "two", 0))
	d.Flush()
	require.Equal(t, probe.Counts{Filtered: 2}, d.Counts())
	require.Empty(t, h.said)
}

// What there is no room for is lost, and counted.
func TestWaitingRecordsAreBounded(t *testing.T) {
	d, _, _ := deferring(t)
	for i := range maxDeferred + 3 {
		d.record(said(uint64(i), 7, 0, "x", 0))
	}
	require.EqualValues(t, 3, d.Counts().Lost[probe.Overflow])
	d.Flush()
	require.EqualValues(t, maxDeferred, d.Counts().Filtered)
	d, _, _ = deferring(t)
	big := string(make([]byte, captureMax))
	for i := range maxDeferredBytes/captureMax + 1 {
		d.record(said(uint64(i), 7, 0, big, 0))
	}
	require.NotZero(t, d.Counts().Lost[probe.Overflow])
	require.LessOrEqual(t, d.waiting.bytes, maxDeferredBytes)
}

// A protocol that is not looked for yet may be taken for another one: the kernel hears of none
// until all are known.
func TestProtocolsAreToldWhenAllAreKnown(t *testing.T) {
	d, _, s := deferring(t)
	require.NotContains(t, d.told, "wanted_protocols")
	d.Tick(s.now)
	require.Equal(t, uint32(allSaid|1<<stream.ProtoHTTP1), d.told["wanted_protocols"])
	require.NoError(t, d.Register(&heard{}))
	require.Equal(t, uint32(allSaid|1<<stream.ProtoHTTP1), d.told["wanted_protocols"])
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// script is a protocol whose handlers note what they are told.
type script struct {
	lines []string
	lost  uint64
}

func (s *script) note(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}
func (s *script) Proto() Proto                        { return ProtoHTTP1 }
func (s *script) Open(c *Conn) Handler                { s.note("open %d", c.ID); return s }
func (s *script) Lost(_ *probe.ProcessInfo, n uint64) { s.lost += n }
func (s *script) Segment(g *Segment)                  { s.note("%d %q %d seq %d", g.Dir, g.Data, g.Len, g.Seq) }
func (s *script) Skip(d Direction, n int64)           { s.note("skip %d %d", d, n) }
func (s *script) EOF(d Direction, _ uint64)           { s.note("eof %d", d) }
func (s *script) Idle(uint64)                         { s.note("idle") }
func (s *script) Close(r CloseReason, _ uint64)       { s.note("close %v", r) }

func start(max int) (*Table, *script) {
	t, s := NewTable(max), &script{}
	t.Register(s)
	return t, s
}

// A protocol that the configuration forbids a process may have been recognized before that was
// known.
func TestForbiddenProtocolsAreNotHandled(t *testing.T) {
	table, s := start(10)
	p := &probe.ProcessInfo{Forbidden: 1<<ProtoHTTP1 | 1<<ProtoRedis}
	h := table.Open(&Conn{ID: 1, Proto: ProtoHTTP1, Process: p}, 1)
	table.Segment(h, &Segment{Segment: segment.Segment{Data: []byte("x"), Len: 1}}, 0, 2)
	table.Close(h, Closed, 3)
	require.Empty(t, s.lines)
	table.Open(&Conn{ID: 2, Proto: ProtoHTTP1, Process: &probe.ProcessInfo{Forbidden: 1 << ProtoRedis}}, 1)
	require.Equal(t, []string{"open 2"}, s.lines)
}

func TestSegmentsAreCutAndGapsAreTold(t *testing.T) {
	table, s := start(10)
	h := table.Open(&Conn{ID: 1, Proto: ProtoHTTP1}, 1)
	put := func(pos uint64, data string, length int64) {
		table.Segment(h, &Segment{Dir: Send, Segment: segment.Segment{Data: []byte(data), Len: length, Tag: segment.Tag{Seq: uint32(1000 + pos)}}}, pos, 2)
	}
	put(50, "joined", 10) // observation began in the middle
	put(60, "next", 4)
	put(58, "xtseen", 6) // wholly seen
	put(62, "xtmore", 6) // two bytes seen
	put(60, "", 20)      // a report without payload that overlaps
	put(100, "far", 3)   // twenty are missing
	require.Equal(t, []string{
		"open 1",
		`1 "joined" 10 seq 1050`,
		`1 "next" 4 seq 1060`,
		`1 "more" 4 seq 1064`,
		`1 "" 12 seq 1068`,
		"skip 1 20",
		`1 "far" 3 seq 1100`,
	}, s.lines)
}

func TestDirectionsAreApart(t *testing.T) {
	table, s := start(10)
	h := table.Open(&Conn{ID: 1, Proto: ProtoHTTP1}, 1)
	table.Segment(h, &Segment{Dir: Receive, Segment: segment.Segment{Len: 5}}, 0, 1)
	table.Segment(h, &Segment{Dir: Send, Segment: segment.Segment{Len: 7}}, 3, 1)
	table.EOF(h, Send, 1)
	table.Close(h, Reset, 1)
	require.Equal(t, []string{"open 1", `0 "" 5 seq 0`, `1 "" 7 seq 0`, "eof 1", "close reset"}, s.lines)
	_, known := table.Find(1)
	require.False(t, known)
}

func TestUnknownProtocolGoesNowhere(t *testing.T) {
	table, s := start(10)
	h := table.Open(&Conn{ID: 1, Proto: ProtoUnknown}, 1)
	table.Segment(h, &Segment{Segment: segment.Segment{Len: 5}}, 0, 1)
	table.Idle(h, 1)
	table.Close(h, Closed, 1)
	require.Empty(t, s.lines)
	require.Nil(t, table.Protocol(200))
}

func TestFullTableEvictsTheQuietest(t *testing.T) {
	table, s := start(3)
	for id := uint64(1); id <= 3; id++ {
		table.Open(&Conn{ID: id, Proto: ProtoHTTP1}, id)
	}
	table.Open(&Conn{ID: 4, Proto: ProtoHTTP1}, 4)
	require.Equal(t, 3, table.Len())
	_, known := table.Find(1)
	require.False(t, known)
	require.Equal(t, uint64(1), table.Evicted)
	require.Contains(t, s.lines, "close evicted") // Evicted
}

func TestExpireAndCloseAll(t *testing.T) {
	table, s := start(10)
	table.Open(&Conn{ID: 1, Proto: ProtoHTTP1}, 100)
	table.Open(&Conn{ID: 2, Proto: ProtoHTTP1}, 200)
	require.Equal(t, 1, table.Expire(150, 300))
	table.CloseAll(Shutdown, 400)
	require.Zero(t, table.Len())
	require.Equal(t, []string{"open 1", "open 2", "close evicted", "close shutdown"}, s.lines)
	table.Lost(ProtoHTTP1, nil, 7)
	require.Equal(t, uint64(7), s.lost)
}

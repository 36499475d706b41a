// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tallier keeps the tallies that it was given.
type tallier struct {
	script
	got []Tally
}

func (h *tallier) Open(*Conn) Handler { return h }
func (h *tallier) Summary(*Summary)   {}
func (h *tallier) Tally(t *Tally)     { h.got = append(h.got, *t) }

func total(number uint16, first uint32, sum uint64) *TallyTotal {
	return &TallyTotal{Number: number, Counts: [15]uint32{first, 1}, Count: first + 1, Sum: sum}
}

// A total is told again and again; what is handed on is what came since.
func TestTallyHandsOnWhatIsNew(t *testing.T) {
	table, h := NewTable(2), &tallier{}
	table.Register(h)
	c := table.Open(&Conn{ID: 1, Proto: ProtoHTTP1}, 0)

	give := func(slot int, total *TallyTotal, told uint32) (lost uint64) {
		lost, ok := table.Tally(c, slot, total, told, &Tally{}, 1)
		require.True(t, ok)
		return lost
	}
	assert.Zero(t, give(0, total(1, 3, 40), 0))
	assert.Zero(t, give(0, total(1, 3, 40), 4), "told once more")
	assert.Zero(t, give(0, total(1, 5, 70), 4))
	assert.Zero(t, give(0, total(1, 4, 50), 4), "overtaken by what came before")
	assert.Zero(t, give(1, total(2, 1, 10), 0), "another one")
	assert.Zero(t, give(0, total(3, 2, 9), 0), "its place was taken")
	require.Len(t, h.got, 4)
	for i, want := range []struct{ count, first, second, sum uint64 }{{4, 3, 1, 40}, {2, 2, 0, 30}, {2, 1, 1, 10}, {3, 2, 1, 9}} {
		g := &h.got[i]
		assert.Equal(t, want.count, g.Count, i)
		assert.Equal(t, want.first, g.Counts[0], i)
		assert.Equal(t, want.second, g.Counts[1], i)
		assert.Equal(t, want.sum, g.Sum, i)
	}
}

// The kernel's counters wrap around.
func TestTallyWraps(t *testing.T) {
	table, h := NewTable(2), &tallier{}
	table.Register(h)
	c := table.Open(&Conn{ID: 1, Proto: ProtoHTTP1}, 0)
	for _, n := range []uint32{math.MaxUint32 - 1, 3} {
		_, ok := table.Tally(c, 0, &TallyTotal{Number: 1, Counts: [15]uint32{n}, Count: n}, 0, &Tally{}, 1)
		require.True(t, ok)
	}
	assert.EqualValues(t, 5, h.got[1].Count)
	assert.EqualValues(t, 5, h.got[1].Counts[0])
}

// Of a connection that was given up in between it is not known in which buckets what is new belongs:
// it is lost, and no exchange counts twice.
func TestTallyOfAConnectionThatWasGivenUp(t *testing.T) {
	table, h := NewTable(2), &tallier{}
	table.Register(h)
	c := table.Open(&Conn{ID: 1, Proto: ProtoHTTP1}, 0)
	_, _ = table.Tally(c, 0, total(1, 3, 40), 0, &Tally{}, 1)
	table.Close(c, Evicted, 2)

	c = table.Open(&Conn{ID: 1, Proto: ProtoHTTP1}, 3)
	lost, ok := table.Tally(c, 0, total(1, 9, 90), 4, &Tally{}, 4)
	assert.True(t, ok)
	assert.EqualValues(t, 6, lost)
	lost, ok = table.Tally(c, 0, total(1, 10, 95), 10, &Tally{}, 5)
	assert.True(t, ok)
	assert.Zero(t, lost)
	require.Len(t, h.got, 2)
	assert.EqualValues(t, 1, h.got[1].Count)
	assert.EqualValues(t, 5, h.got[1].Sum)
}

// A protocol that takes none is not given any.
func TestTallyThatNobodyTakes(t *testing.T) {
	table := NewTable(2)
	c := table.Open(&Conn{ID: 1, Proto: ProtoHTTP1}, 0)
	_, ok := table.Tally(c, 0, total(1, 3, 40), 0, &Tally{}, 1)
	assert.False(t, ok)
}

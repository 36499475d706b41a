// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package segmenttest

import (
	"math/rand/v2"
	"testing"
)

// Subject is a new parser for one connection and what it said of it.
type Subject struct {
	Player
	// Result tells what was emitted, after the end of the connection, as text.
	Result func() string
}

// EveryCut plays a wholly captured conversation in pieces of every length, and cut once at
// every byte of each event, and demands the same result as from the whole. Of long
// conversations it takes about 400 lengths.
func EveryCut(t *testing.T, name string, events []Event, open func() *Subject) {
	t.Helper()
	longest := 0
	for _, e := range events {
		longest = max(longest, len(e.Bytes))
	}
	whole := open()
	whole.Play(events, Cut{})
	want := whole.Result()
	for at := 1; at < longest; at += 1 + longest/400 {
		s := open()
		s.Play(events, Cut{Piece: Limit(at)})
		if got := s.Result(); got != want {
			t.Fatalf("%s in pieces of %d:\n%s\nwant:\n%s", name, at, got, want)
		}
		s = open()
		for _, e := range events {
			s.Play(Split(e, at), Cut{})
		}
		if got := s.Result(); got != want {
			t.Fatalf("%s cut at %d:\n%s\nwant:\n%s", name, at, got, want)
		}
	}
}

// RandomCaptures plays a conversation n times with random cuts, of which random prefixes were
// captured. What is conserved is for Player.Check to say, what is true for verify, which gets
// the seed.
func RandomCaptures(t *testing.T, events []Event, n uint64, open func() *Subject, verify func(seed uint64, s *Subject)) {
	t.Helper()
	for seed := range n {
		r := rand.New(rand.NewPCG(seed, 7))
		c := Cut{Prefix: Limit(40 + r.IntN(3000)), Last: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			c.Piece = func(n int) int { return 1 + r.IntN(n) }
		}
		s := open()
		s.Play(events, c)
		verify(seed, s)
		if t.Failed() {
			return
		}
	}
}

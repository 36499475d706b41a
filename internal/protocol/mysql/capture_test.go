// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

import (
	"os"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// Conversations of the MariaDB client programs and a program of raw packets with MariaDB 10.11, as
// TestLive recorded them (DISSECTOR_SAVE); the counts were those of the server's Questions.
func TestCaptures(t *testing.T) {
	for _, path := range segmenttest.Captures(t) {
		ev := segmenttest.Read(t, path)
		c := newConn(t, Options{})
		c.play(ev, whole, whole, false)
		got := c.close() + "\n"
		golden := strings.TrimSuffix(path, ".txt") + ".want"
		if os.Getenv("DISSECTOR_UPDATE") != "" {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant:\n%s", path, got, want)
		}
		s := c.cfg.Stats()
		if s.Drops()+s.Gaps+s.SkippedBytes+s.UnexpectedResponses+s.OrphanResponses+s.UndecodableRequests+s.UndecodableResponses != 0 {
			t.Errorf("%s: %+v", path, *s)
		}
	}
}

// Cut at any byte, a fully captured conversation gives the same exchanges.
func TestEveryCut(t *testing.T) {
	for _, path := range segmenttest.Captures(t) {
		ev := segmenttest.Read(t, path)
		total := 0
		for _, e := range ev {
			total = max(total, len(e.Bytes))
		}
		ref := newConn(t, Options{})
		ref.play(ev, whole, whole, false)
		want := ref.close()
		step := 1 + total/400 // every cut of the small ones
		for at := 1; at <= total; at += step {
			c := newConn(t, Options{})
			c.play(ev, func(n int) int { return min(n, at) }, whole, false)
			if got := c.close(); got != want {
				t.Fatalf("%s in pieces of %d:\n%s\nwant:\n%s", path, at, got, want)
			}
		}
	}
}

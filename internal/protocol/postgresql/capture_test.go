// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

import (
	"os"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// Conversations of psql, pgbench and a program of raw messages with PostgreSQL 15, as
// TestLive recorded them (DISSECTOR_SAVE); the counts were those of pg_stat_statements.
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

// Nothing of the password exchange is kept: not in the exchanges and not in the parser.
func TestNoSecrets(t *testing.T) {
	const password = "correct horse battery"
	for _, at := range []int{1 << 20, 1, 7} {
		var e Exchange
		cfg := NewConfig(Options{})
		p := cfg.NewParser(func(x *Exchange) { e = *x })
		send := func(d Direction, s string) {
			for len(s) > 0 {
				n := min(at, len(s))
				p.Segment(d, &Segment{Data: []byte(s[:n]), Len: int64(n)})
				s = s[n:]
				for i := range p.dir {
					if b := string(p.dir[i].buf[:cap(p.dir[i].buf)]); strings.Contains(b, "hors") {
						t.Fatalf("kept %q", b)
					}
				}
			}
		}
		send(Request, startup("user", "app", "options", "-c x=y", "database", "shop"))
		send(Response, msg('R', u32(3)))
		send(Request, msg('p', password+"\x00"))
		send(Response, authOK+ready('I'))
		send(Request, query("select 1"))
		send(Response, complete("SELECT 1")+ready('I'))
		if string(e.User) != "app" || string(e.Database) != "shop" || string(e.Text) != "select 1" {
			t.Errorf("%q %q %q", e.User, e.Database, e.Text)
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

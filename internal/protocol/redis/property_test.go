// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// play cuts each event at the points that cut gives and captures a prefix of each piece.
func (c *conn) play(ev []event, cut, prefix func(n int) int) {
	c.t.Helper()
	p := segmenttest.Player{Parser: c.p, Now: c.now, Check: c.check}
	p.Play(ev, segmenttest.Cut{Piece: cut, Prefix: prefix})
	c.now = p.Now
}

func whole(n int) int { return n }

// dialogue makes a conversation in which depth commands are pipelined at a time, and what
// a parser that sees every byte must emit. Each command is told from the others by its size.
func dialogue(r *rand.Rand, n, depth int) (ev []event, want []string) {
	for i := 0; i < n; {
		var reqs, resps strings.Builder
		for k := range min(depth, n-i) {
			name, value := fmt.Sprintf("GET %0*d", 1+i+k, 0), strings.Repeat("v", r.IntN(1500))
			var rep, as string
			switch r.IntN(6) {
			case 0:
				rep, as = "$-1\r\n", "_"
			case 1:
				rep, as = "-WRONGTYPE no\r\n", "-WRONGTYPE"
			case 2:
				name = fmt.Sprintf("MGET %0*d", 1+i+k, 0)
				rep, as = fmt.Sprintf("*3\r\n$%d\r\n%s\r\n$-1\r\n$1\r\na\r\n", len(value), value), "*3"
			case 3:
				name = fmt.Sprintf("SET %0*d %s", 1+i+k, 0, strings.Repeat("x", 1+r.IntN(1500)))
				rep, as = "+OK\r\n", "+"
			case 4:
				name = fmt.Sprintf("INCR %0*d", 1+i+k, 0)
				rep, as = ":17\r\n", ":"
			default:
				rep, as = fmt.Sprintf("$%d\r\n%s\r\n", len(value), value), "$"
			}
			for r.IntN(8) == 0 {
				resps.WriteString(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n")
			}
			req := cmd(name)
			reqs.WriteString(req)
			resps.WriteString(rep)
			want = append(want, fmt.Sprintf("%s %d %s %d/%d complete", strings.Fields(name)[0], len(strings.Fields(name))-1, as, len(req), len(rep)))
		}
		ev = append(ev, event{Dir: Request, Bytes: reqs.String()}, event{Dir: Response, Bytes: resps.String()})
		i += min(depth, n-i)
	}
	return ev, want
}

var captures = []string{"benchmark_p16", "cli_pipe", "cli_resp2", "cli_resp3", "pubsub", "raw_multi", "raw_reply_modes", "raw_resp3"}

// Cut at any byte, a fully captured conversation gives the same exchanges.
func TestEveryCut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	small, _ := dialogue(r, 6, 3)
	all := map[string][]event{"made": small}
	for _, name := range captures {
		all[name] = segmenttest.Read(t, "testdata/captures/"+name+".txt")
	}
	for name, ev := range all {
		w := newConn(t, Options{Keys: true})
		w.play(ev, whole, whole)
		w.p.Close(CloseNormal, 0)
		if s := w.cfg.Stats(); len(w.got) == 0 || s.Drops()+s.OrphanReplies+s.UndecodableReplies+s.UndecodableRequests+s.SkippedBytes != 0 {
			t.Errorf("%s: %+v", name, *s)
		}
		longest := 0
		for _, e := range ev {
			longest = max(longest, len(e.Bytes))
		}
		for at := 1; at < min(longest, 800); at++ {
			c := newConn(t, Options{Keys: true})
			if at < 100 {
				c.play(ev, func(n int) int { return min(n, at) }, whole)
				c.p.Close(CloseNormal, 0)
				equal(t, fmt.Sprint(name, ": pieces of ", at), c.got, w.got)
				c = newConn(t, Options{Keys: true})
			}
			for _, e := range ev {
				c.play(segmenttest.Split(e, at), whole, whole)
			}
			c.p.Close(CloseNormal, 0)
			equal(t, fmt.Sprint(name, ": cut at ", at), c.got, w.got)
			if t.Failed() {
				return
			}
		}
	}
}

// The made conversation gives what it was made of, in any pieces.
func TestDialogue(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		ev, want := dialogue(r, 30, 1+r.IntN(8))
		c := newConn(t, Options{})
		c.play(ev, func(n int) int { return 1 + r.IntN(n) }, whole)
		equal(t, fmt.Sprint("seed ", seed), c.got, want)
		if s := c.cfg.Stats(); s.Requests != 30 || s.Exchanges != 30 || t.Failed() {
			t.Fatalf("%+v", *s)
		}
	}
}

// With random cuts and captured prefixes: what is emitted is right, every command is
// emitted or counted; and where every command starts a segment, all are seen.
func TestRandomPrefixes(t *testing.T) {
	emitted, total := 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		depth := 1 + r.IntN(5)*r.IntN(2)
		ev, want := dialogue(r, 25, depth)
		c := newConn(t, Options{})
		limit, big := 30+r.IntN(1200), r.IntN(2) == 0
		c.play(ev, func(n int) int {
			if big {
				return n
			}
			return 1 + r.IntN(n)
		}, func(n int) int { return min(n, limit) })
		c.p.Close(CloseNormal, c.now)
		c.check()
		s := c.cfg.Stats()
		if s.Requests != s.Exchanges+s.Drops() {
			t.Fatalf("seed %d: conservation broken: %+v", seed, *s)
		}
		if big && depth == 1 && s.Requests != uint64(len(want)) {
			t.Fatalf("seed %d: %d of %d: %+v", seed, s.Requests, len(want), *s)
		}
		truth := map[string]bool{}
		for _, w := range want {
			truth[w] = true
		}
		for _, g := range c.got {
			if strings.HasSuffix(g, " complete") && !strings.Contains(g, "-1/") && !truth[g] {
				t.Fatalf("seed %d: emitted %q\n%s", seed, g, strings.Join(want, "\n"))
			}
		}
		emitted += len(c.got)
		total += len(want)
	}
	t.Logf("emitted %d of %d", emitted, total)
}

// Endless and absurd input costs bounded memory and no panic.
func TestHostile(t *testing.T) {
	zeros := strings.Repeat("*1\r\n", 10000)
	for _, s := range []string{"*2147483647\r\n", "*1\r\n$4294967296\r\n", "*99999999999999999999\r\n", "$18446744073709551615\r\n", "%4294967296\r\n", "-" + strings.Repeat("x", 100000),
		strings.Repeat("a", 100000), "GET " + strings.Repeat("k ", 100000), zeros, strings.Repeat("*4294967295\r\n", 10000), "*2147483647\r\n$3\r\nDEL\r\n" + strings.Repeat("$1\r\nk\r\n", 100000), strings.Repeat("|1\r\n", 9999)} {
		c := newConn(t, Options{Keys: true})
		c.steps(">"+s, "<"+s, "> GET k", "<"+s)
		held := 0
		for i := range c.p.q.ring {
			held += cap(c.p.q.ring[i].buf) + 8*cap(c.p.q.ring[i].keys)
		}
		if held > 64<<10 {
			t.Errorf("%.20q: %d bytes held", s, held)
		}
		c.p.Close(CloseReset, 0)
		c.check()
	}
}

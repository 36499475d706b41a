// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

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
	binaries := r.IntN(3) == 0
	for i := 0; i < n; {
		var reqs, resps strings.Builder
		for k := range min(depth, n-i) {
			key, value := fmt.Sprintf("%0*d", 1+i+k, 0), strings.Repeat("v", r.IntN(1500))
			var req, rep, as string
			add := func(format string, a ...any) { as = fmt.Sprintf(format, a...) }
			switch c := r.IntN(4); {
			case binaries && c == 0:
				req, rep = bin(1, uint32(i), "12345678", key, value), reply(1, 0, uint32(i), "", "", "")
				add("set 1 /0 -1/-1 %d/%d v%d complete", len(req), len(rep), len(value))
			case binaries:
				req, rep = bin(0xc, 5, "", key, ""), reply(0xc, 0, 5, "1234", key, value)
				add("getk 1 /0 1/0 %d/%d v%d complete", len(req), len(rep), len(value))
			case c == 0:
				req, rep = fmt.Sprintf("set %s 0 0 %d\r\n%s\r\n", key, len(value), value), "STORED\r\n"
				add("set 1 STORED/-1 -1/-1 %d/%d v%d complete", len(req), len(rep), len(value))
			case c == 1:
				req, rep = fmt.Sprintf("mg %s v O%d\r\n", key, i), fmt.Sprintf("VA %d O%d\r\n%s\r\n", len(value), i, value)
				add("mg 1 VA/-1 1/0 %d/%d v%d complete", len(req), len(rep), len(value))
			case c == 2:
				req, rep = "get "+key+"\r\n", "END\r\n"
				add("get 1 END/-1 0/1 %d/%d v0 complete", len(req), len(rep))
			default:
				req, rep = fmt.Sprintf("get %s %s x\r\n", key, key), strings.Repeat(fmt.Sprintf("VALUE %s 0 %d\r\n%s\r\n", key, len(value), value), 2)+"END\r\n"
				add("get 3 END/-1 2/1 %d/%d v%d complete", len(req), len(rep), 2*len(value))
			}
			reqs.WriteString(req)
			resps.WriteString(rep)
			want = append(want, as)
		}
		ev = append(ev, event{Dir: Request, Bytes: reqs.String()}, event{Dir: Response, Bytes: resps.String()})
		i += min(depth, n-i)
	}
	return ev, want
}

var captures = []string{"text", "binary"}

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
		w.p.Opened()
		w.play(ev, whole, whole)
		w.p.Close(CloseNormal, 0)
		if s := w.cfg.Stats(); len(w.got) == 0 || s.Drops()+s.OrphanResponses+s.UndecodableResponses+s.UndecodableRequests+s.SkippedBytes != 0 {
			t.Errorf("%s: %+v", name, *s)
		}
		longest := 0
		for _, e := range ev {
			longest = max(longest, len(e.Bytes))
		}
		for at := 1; at < min(longest, 800); at++ {
			c := newConn(t, Options{Keys: true})
			c.p.Opened()
			if at < 100 {
				c.play(ev, func(n int) int { return min(n, at) }, whole)
				c.p.Close(CloseNormal, 0)
				equal(t, fmt.Sprint(name, ": pieces of ", at), c.got, w.got)
				c = newConn(t, Options{Keys: true})
				c.p.Opened()
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
			f := strings.Fields(g) // sizes stand at 4
			if strings.HasSuffix(g, " complete") && !strings.Contains(f[4], "-1") && !truth[g] {
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
	for _, s := range []string{"set k 0 0 1073741824\r\n", "set k 0 0 99999999999999999999999\r\n", "get " + strings.Repeat("k ", 100000), "get " + strings.Repeat("k", 100000), strings.Repeat("a", 100000),
		"VALUE k 0 1073741824\r\n", "VA 99999999999999999999\r\n", "STAT " + strings.Repeat("x", 100000), bin(1, 1, "12345678", "k", "")[:8] + "\xff\xff\xff\xff" + strings.Repeat("\x00", 12), reply(0, 0, 0, "", "", "")[:8] + "\x3f\xff\xff\xff" + strings.Repeat("\x00", 12),
		strings.Repeat("mg k q\r\n", 100000), strings.Repeat(bin(9, 0, "", "k", ""), 10000), strings.Repeat("\r\n", 10000)} {
		c := newConn(t, Options{Keys: true})
		c.steps(">"+s, "<"+s, ">get k\r\n", "<"+s)
		held := 0
		for i := range c.p.q.ring {
			held += cap(c.p.q.ring[i].buf) + 8*cap(c.p.q.ring[i].keys)
		}
		if held > 512<<10 {
			t.Errorf("%.20q: %d bytes held", s, held)
		}
		c.p.Close(CloseReset, 0)
		c.check()
	}
}

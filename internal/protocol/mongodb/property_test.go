// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// dialogue makes a conversation and what a parser that sees every byte must emit. Each
// request is told from the others by its size.
func dialogue(r *rand.Rand, n int) (ev []event, want []string) {
	for i := range n {
		id, collection, value := 100+i, strings.Repeat("c", 1+i), strings.Repeat("v", r.IntN(3000))
		var request, as, outcome string
		response := msg(5000+i, id, 0, doc{"n", 1, "ok", 1.0})
		switch r.IntN(7) {
		case 0:
			request = msg(id, 0, 0, doc{"find", collection, "filter", doc{"v", value}, "$db", "shop"})
			batch := make(array, r.IntN(9))
			for j := range batch {
				batch[j] = doc{"v", value[:len(value)/4]}
			}
			response = msg(5000+i, id, 0, doc{"cursor", doc{"firstBatch", batch, "id", int64(0), "ns", "shop." + collection}, "ok", 1.0})
			as, outcome = "find", fmt.Sprint("complete ok returned ", len(batch))
		case 1:
			docs := make([]doc, 1+r.IntN(5))
			for j := range docs {
				docs[j] = doc{"_id", j, "v", value[:len(value)/5]}
			}
			request = msg(id, 0, r.IntN(2)*flagChecksum, doc{"insert", collection, "ordered", true, "$db", "shop"}, sequence("documents", docs...))
			as, outcome = "insert", fmt.Sprint("complete ok batch ", len(docs))
		case 2:
			request = msg(id, 0, flagMoreToCome, doc{"delete", collection, "$db", "shop", "comment", value}, sequence("deletes", doc{"q", doc{}, "limit", 1}))
			as, response, outcome = "delete", "", "no reply batch 1"
		case 3:
			request = msg(id, 0, 0, doc{"nosuch", 1, "v", value, "$db", "shop"})
			response = msg(5000+i, id, 0, doc{"ok", 0.0, "errmsg", value, "code", 59, "codeName", "CommandNotFound"})
			as, outcome, collection = "nosuch", "complete failed 59 CommandNotFound", ""
		case 4:
			request, response = compressed(id, 0, 30+len(value)+i), compressed(5000+i, id, len(value))
			want = append(want, fmt.Sprintf(" . %d/%d complete compressed unknown", len(request), len(response)))
			ev = append(ev, event{Dir: Request, Bytes: request}, event{Dir: Response, Bytes: response})
			continue
		case 5:
			request = query(id, "shop.$cmd", doc{"count", collection, "query", doc{"v", value}})
			response = replyMsg(5000+i, id, 8, doc{"v", value, "n", 1, "ok", 1.0})
			as, outcome = "count", "complete ok legacy"
		default:
			request = msg(id, 0, 0, doc{"update", collection, "updates", array{doc{"q", doc{}, "u", doc{"v", value}}}, "$db", "shop"})
			as, outcome = "update", "complete ok batch 1"
		}
		size := "-1"
		ev = append(ev, event{Dir: Request, Bytes: request})
		if response != "" {
			size = fmt.Sprint(len(response))
			ev = append(ev, event{Dir: Response, Bytes: response})
		}
		s := fmt.Sprintf("%s shop.%s %d/%s %s", as, collection, len(request), size, outcome)
		if as == "nosuch" {
			s += " unknown"
		}
		want = append(want, s)
	}
	return ev, want
}

func subject(t testing.TB) (*conn, *segmenttest.Subject) {
	c := newConn(t, Options{})
	s := &segmenttest.Subject{Player: segmenttest.Player{Parser: c.p, Check: c.check}}
	s.Result = func() string {
		c.p.Close(CloseNormal, 0)
		c.check()
		return strings.Join(c.got, "\n")
	}
	return c, s
}

// Cut at any byte, a wholly captured conversation gives the same exchanges.
func TestEveryCut(t *testing.T) {
	open := func() *segmenttest.Subject { _, s := subject(t); return s }
	made, want := dialogue(rand.New(rand.NewPCG(1, 2)), 12)
	segmenttest.EveryCut(t, "made", made, open)
	c, s := subject(t)
	s.Play(made, segmenttest.Cut{})
	s.Result()
	equal(t, "made", c.got, want)
	for _, path := range segmenttest.Captures(t) {
		ev := segmenttest.Read(t, path)
		segmenttest.EveryCut(t, path, ev, open)
		c, s := subject(t)
		s.Play(ev, segmenttest.Cut{})
		s.Result()
		if st := c.cfg.Stats(); len(c.got) == 0 || st.Drops()+st.OrphanResponses+st.UndecodableRequests+st.UndecodableResponses+st.SkippedBytes+st.BadDocuments != 0 {
			t.Errorf("%s: %d exchanges, %+v", path, len(c.got), *st)
		}
	}
}

// The made conversation gives what it was made of, in any pieces.
func TestDialogue(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		ev, want := dialogue(r, 30)
		c, s := subject(t)
		s.Play(ev, segmenttest.Cut{Piece: func(n int) int { return 1 + r.IntN(n) }})
		s.Result()
		equal(t, fmt.Sprint("seed ", seed), c.got, want)
		if st := c.cfg.Stats(); st.Requests != 30 || st.Exchanges != 30 || t.Failed() {
			t.Fatalf("%+v", *st)
		}
	}
}

// With random cuts and captured prefixes what is emitted is right as far as it goes, and
// every request is emitted or counted; where each begins a segment, all are seen.
func TestRandomPrefixes(t *testing.T) {
	emitted, total := 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		ev, want := dialogue(r, 25)
		cut := segmenttest.Cut{Prefix: segmenttest.Limit(20 + r.IntN(1500)), Last: r.IntN(2) == 0}
		whole := r.IntN(2) == 0
		if !whole {
			cut.Piece = func(n int) int { return 1 + r.IntN(n) }
		}
		c, s := subject(t)
		s.Play(ev, cut)
		s.Result()
		st := c.cfg.Stats()
		if st.Requests != st.Exchanges+st.Drops() {
			t.Fatalf("seed %d: conservation broken: %+v", seed, *st)
		}
		if whole && (st.Exchanges != uint64(len(want)) || st.OrphanResponses+st.Gaps > 0) {
			t.Fatalf("seed %d: %d of %d: %+v", seed, st.Exchanges, len(want), *st)
		}
		if st.BadDocuments > 0 {
			t.Fatalf("seed %d: %+v", seed, *st)
		}
		for _, g := range c.got {
			verify(t, seed, g, want)
		}
		emitted += len(c.got)
		total += len(want)
	}
	t.Logf("emitted %d of %d", emitted, total)
}

// verify finds the request of an exchange by its size, and demands that nothing of it
// differs that the exchange tells.
func verify(t *testing.T, seed uint64, got string, want []string) {
	t.Helper()
	f := strings.Fields(strings.TrimPrefix(got, " "))
	for _, w := range want {
		x := strings.Fields(strings.TrimPrefix(w, " "))
		sizes, truth := f[len(f)-1], ""
		for _, s := range f {
			if strings.Contains(s, "/") {
				sizes = s
			}
		}
		for _, s := range x {
			if strings.Contains(s, "/") {
				truth = s
			}
		}
		a, b := strings.Split(sizes, "/"), strings.Split(truth, "/")
		if a[0] != b[0] || a[1] != "-1" && a[1] != b[1] {
			continue
		}
		ok := strings.Contains(got, " failed") == strings.Contains(w, " failed") || !strings.Contains(got, " failed")
		for _, mark := range []string{" batch ", " returned "} {
			if _, n, found := strings.Cut(got, mark); found {
				_, m, _ := strings.Cut(w, mark)
				ok = ok && strings.Fields(n)[0] == (strings.Fields(m + " none"))[0]
			}
		}
		if name := firstWord(got); name != "" {
			ok = ok && strings.HasPrefix(w, name+" ")
		}
		if strings.Contains(got, " ok") {
			ok = ok && strings.Contains(w, " ok")
		}
		if ok {
			return
		}
	}
	t.Fatalf("seed %d: emitted %q\n%s", seed, got, strings.Join(want, "\n"))
}

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}

// Endless and absurd input costs bounded memory and no panic.
func TestHostile(t *testing.T) {
	huge := le32(1<<31-1) + le32(1) + le32(0) + le32(opMsg) + le32(0) + "\x00"
	big := le32(48000000) + le32(1) + le32(0) + le32(opMsg) + le32(0)
	for _, s := range []string{
		huge + le32(1<<31-1), strings.Repeat("\x00", 100000), strings.Repeat("\xff", 100000), big + "\x00" + le32(40000000) + strings.Repeat("\x02a", 100000),
		big + "\x01" + le32(40000000) + strings.Repeat("x", 100000), strings.Repeat(msg(1, 0, 0, doc{"find", "a"}), 5000),
		big + "\x00" + le32(40000000) + "\x04documents\x00" + strings.Repeat(le32(30000000)+"\x040\x00", 10000),
		query(1, strings.Repeat("x", 100000), doc{}),
	} {
		c := newConn(t, Options{MaxPipeline: 64})
		for b := s; len(b) > 0; b = b[min(len(b), 1460):] {
			c.send(b[:min(len(b), 1460)])
			c.answer(b[:min(len(b), 1460)])
		}
		c.p.Idle(1)
		c.p.Close(CloseReset, 0)
		c.check()
		if len(c.p.q.ring) > 64 {
			t.Errorf("%.20q: %d places", s, len(c.p.q.ring))
		}
	}
}

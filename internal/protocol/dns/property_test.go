// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

var splitCut = segmenttest.Cut{}

// dialogue makes a conversation of n queries, and what a parser that sees all must emit.
func dialogue(r *rand.Rand, n int) (ev []event, want []string) {
	for i := 0; i < n; {
		var requests, responses strings.Builder
		for range 1 + r.IntN(3) {
			name := fmt.Sprintf("%s%d.example.", strings.Repeat("x", r.IntN(40)), i)
			answers := r.IntN(60)
			request := ask(uint16(i), name, dnsmessage.TypeA)
			response := reply(uint16(i), name, dnsmessage.TypeA, dnsmessage.RCode(r.IntN(6)), addresses(answers))
			requests.WriteString(framed(request))
			responses.WriteString(framed(response))
			want = append(want, fmt.Sprintf("%s A %s %d %d/%d complete", strings.TrimSuffix(name, "."), RCodeName(uint16(response[3]&15)), answers, len(request), len(response)))
			i++
		}
		ev = append(ev, event{Dir: Request, Bytes: requests.String()}, event{Dir: Response, Bytes: responses.String()})
	}
	return ev, want
}

// Cut at any byte, a wholly captured conversation gives the same exchanges.
func TestEveryCut(t *testing.T) {
	made, want := dialogue(rand.New(rand.NewPCG(1, 2)), 12)
	open := func() *segmenttest.Subject { return newConn(t, Options{Answers: true}).subject() }
	segmenttest.EveryCut(t, "made", made, open)
	c := newConn(t, Options{})
	s := c.subject()
	s.Play(made, segmenttest.Cut{})
	equal(t, "made", strings.Split(s.Result(), "\n"), want)
	for _, path := range segmenttest.Captures(t) {
		ev := segmenttest.Read(t, path)
		segmenttest.EveryCut(t, path, ev, open)
		c := newConn(t, Options{})
		s := c.subject()
		s.Play(ev, segmenttest.Cut{})
		s.Result()
		if st := c.cfg.Stats(); len(c.got) == 0 || st.Drops()+st.OrphanResponses+st.Undecodable+st.SkippedBytes+st.Gaps != 0 {
			t.Errorf("%s: %d exchanges, %+v", path, len(c.got), *st)
		}
	}
}

// With random cuts and captured prefixes what is emitted is right as far as it goes, and every
// query is emitted or counted.
func TestRandomPrefixes(t *testing.T) {
	made, want := dialogue(rand.New(rand.NewPCG(3, 4)), 40)
	truth := map[string]bool{}
	for _, w := range want {
		truth[w] = true
	}
	emitted := 0
	var c *conn
	segmenttest.RandomCaptures(t, made, 2000, func() *segmenttest.Subject { c = newConn(t, Options{}); return c.subject() }, func(seed uint64, s *segmenttest.Subject) {
		s.Result()
		st := c.cfg.Stats()
		if st.Queries != st.Exchanges+st.Drops() {
			t.Fatalf("seed %d: conservation broken: %+v", seed, *st)
		}
		for _, g := range c.got {
			if strings.HasSuffix(g, " complete") && strings.Contains(g, ".example ") && !strings.Contains(g, "-1") && !truth[g] {
				t.Fatalf("seed %d: emitted %q", seed, g)
			}
		}
		emitted += len(c.got)
	})
	t.Logf("emitted %d of %d", emitted, 2000*len(want))
}

// A server that reads the length by itself, seen from then on.
func TestJoinedBehindTheLength(t *testing.T) {
	c := newConn(t, Options{})
	s := c.subject()
	query, answer := ask(1, "a.example.", dnsmessage.TypeA), reply(1, "a.example.", dnsmessage.TypeA, 0, nil)
	s.Play([]event{
		{Dir: Request, Bytes: query}, {Dir: Response, Bytes: framed(answer)},
		{Dir: Request, Bytes: framed(query)[:2]}, {Dir: Request, Bytes: query}, {Dir: Response, Bytes: framed(answer)},
	}, segmenttest.Cut{})
	equal(t, "exchanges", strings.Split(s.Result(), "\n"), []string{"a.example A NOERROR 0 -1/38 complete", "a.example A NOERROR 0 38/38 complete"})
}

// Endless and absurd input costs bounded memory and no panic.
func TestHostile(t *testing.T) {
	pointers := "\x00\x07\x81\x00\x00\x01\xff\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01" + strings.Repeat("\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00", 3000)
	for _, b := range []string{strings.Repeat("\xff", 200000), strings.Repeat("\x00", 200000), framed(pointers), strings.Repeat(framed(ask(1, "a.", 1)), 5000),
		strings.Repeat("\xff\xff\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10000)} {
		c := newConn(t, Options{MaxPending: 64, Answers: true})
		s := c.subject()
		s.Play([]event{{Dir: Request, Bytes: b}, {Dir: Response, Bytes: b}}, segmenttest.Cut{Piece: segmenttest.Limit(1460)})
		c.p.Idle(1)
		s.Result()
		if cap(c.cfg.decoder.text) > 2*maxText+1024 {
			t.Errorf("%d bytes of text", cap(c.cfg.decoder.text))
		}
	}
}

// FuzzDecode: whatever comes, nothing panics, and a prefix tells nothing else than the whole.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(ask(1, "www.example.com.", 1)), 20)
	f.Add([]byte(reply(1, "www.example.com.", 1, 0, addresses(3))), 60)
	f.Add([]byte(reply(1, "a.", 65, 0, raw(65, "0001 00  0001 0003 02 6832  0004 0004 c0000201"))), 99)
	f.Fuzz(func(t *testing.T, b []byte, captured int) {
		whole, part := Decoder{MaxAnswers: 8}, Decoder{MaxAnswers: 8}
		w, err := whole.Decode(b, len(b))
		p, cut := part.Decode(b[:min(max(0, captured), len(b))], len(b))
		if err != nil || cut != nil {
			return
		}
		if p.ID != w.ID || len(p.Questions) > len(w.Questions) || len(p.Answers) > len(w.Answers) {
			t.Fatalf("%+v\n%+v", w, p)
		}
		for i := range p.Questions {
			if string(p.Questions[i].Name) != string(w.Questions[i].Name) {
				t.Fatalf("%s is not %s", p.Questions[i].Name, w.Questions[i].Name)
			}
		}
		if len(whole.text) > 2*maxText+1024 {
			t.Fatalf("%d bytes of text", len(whole.text))
		}
	})
}

// FuzzParser: whatever comes in whatever pieces, nothing panics, queries are conserved, memory
// stays bounded, and the pieces do not matter.
func FuzzParser(f *testing.F) {
	f.Add([]byte("\x00\xff\x01\xff"), []byte(framed(ask(1, "a.example.", 1))), []byte(framed(reply(1, "a.example.", 1, 0, addresses(1)))))
	f.Add([]byte("\x00\x11\x00\xff\x01\x09\x21\xff"), []byte(framed(ask(1, "a.", 252))+framed(ask(2, "b.", 1))), []byte(framed(reply(1, "a.", 252, 0, nil))+framed(reply(1, "a.", 252, 0, nil))))
	f.Fuzz(func(t *testing.T, script, req, resp []byte) {
		c := newConn(t, Options{MaxPending: 8, Answers: true})
		player := segmenttest.Player{Parser: c.p, Check: c.check}
		player.Script(script, req, resp)
		if c.p.Pending() != 0 {
			t.Fatalf("%d queries pending after Close", c.p.Pending())
		}
		ev := []event{{Dir: Request, Bytes: string(req)}, {Dir: Response, Bytes: string(resp)}}
		a, b := newConn(t, Options{}), newConn(t, Options{})
		a.p.Opened()
		b.p.Opened()
		whole, pieces := a.subject(), b.subject()
		whole.Play(ev, segmenttest.Cut{})
		pieces.Play(ev, segmenttest.Cut{Piece: segmenttest.Limit(1)})
		if a.cfg.Stats().Undecodable > 0 {
			return // what follows depends on where segments begin
		}
		for _, q := range [][]byte{req, resp} {
			if len(q) > maxMessage {
				return // of longer messages in pieces less is read
			}
		}
		if x, y := whole.Result(), pieces.Result(); x != y {
			t.Fatalf("whole:\n%s\nbyte by byte:\n%s", x, y)
		}
	})
}

func benchmark(b *testing.B, o Options, query, response string) {
	cfg, n := NewConfig(o), 0
	p := NewPairs[uint64](cfg, func(_ int, e *Exchange) { n++ })
	q, r := []byte(query), []byte(response)
	b.ReportAllocs()
	b.SetBytes(int64(len(q) + len(r)))
	for b.Loop() {
		p.Message(Client, 7, 0, p.Decode(q, len(q)), 1, int64(len(q)), Tag{})
		p.Message(Client, 7, 0, p.Decode(r, len(r)), 2, int64(len(r)), Tag{})
	}
	if n != b.N {
		b.Fatalf("%d exchanges in %d rounds", n, b.N)
	}
}

func BenchmarkPair(b *testing.B) {
	benchmark(b, Options{}, ask(1, "www.example.com.", 1), reply(1, "www.example.com.", 1, 0, addresses(2)))
}

func BenchmarkPairAnswers(b *testing.B) {
	benchmark(b, Options{Answers: true}, ask(1, "www.example.com.", 1), reply(1, "www.example.com.", 1, 0, addresses(2)))
}

func BenchmarkConnection(b *testing.B) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	q, r := framed(ask(1, "www.example.com.", 1)), framed(reply(1, "www.example.com.", 1, 0, addresses(2)))
	segments := [2]Segment{{Data: []byte(q), Len: int64(len(q))}, {Data: []byte(r), Len: int64(len(r))}}
	b.ReportAllocs()
	for b.Loop() {
		p.Segment(Request, &segments[0])
		p.Segment(Response, &segments[1])
	}
	if n != b.N {
		b.Fatalf("%d exchanges in %d rounds", n, b.N)
	}
}

func BenchmarkLargeTransfer(b *testing.B) {
	cfg := NewConfig(Options{})
	p := cfg.NewParser(func(*Exchange) {})
	m := framed(reply(1, "www.example.com.", 252, 0, addresses(4000)))
	s := Segment{Data: []byte(m), Len: int64(len(m))}
	b.SetBytes(s.Len)
	for b.Loop() {
		p.Segment(Response, &s)
	}
}

func TestRecognize(t *testing.T) {
	query, answer := ask(1, "a.example.", dnsmessage.TypeA), reply(1, "a.example.", dnsmessage.TypeA, 0, nil)
	for b, want := range map[string]struct {
		d Direction
		v Verdict
	}{
		framed(query):            {Request, Yes},
		query:                    {Request, Yes},
		framed(answer):           {Response, Yes},
		framed(query)[:9]:        {Request, NeedMore},
		"GET / HTTP/1.1\r\n\r\n": {Request, No},
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdefghijkl":         {Request, No},
		"SSH-2.0-OpenSSH_9.2\r\n":                                          {Request, No},
		"\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x00\x00\x00\x00\x00": {Request, No},
	} {
		if d, v := Recognize([]byte(b)); v != want.v || v != No && d != want.d {
			t.Errorf("%q: %v %v", b, d, v)
		}
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// With random cuts and captured prefixes of real conversations nothing is lost uncounted, and
// what is complete is as the whole conversation shows it.
func TestRandomPrefixes(t *testing.T) {
	emitted, total := 0, 0
	for _, path := range segmenttest.Captures(t) {
		ev := segmenttest.Read(t, path)
		ref := newConn(t, Options{})
		ref.play(ev, whole, whole, false)
		truth := map[string]bool{}
		for line := range strings.SplitSeq(ref.close(), "\n") {
			truth[line] = true
		}
		for seed := range uint64(60) {
			r := rand.New(rand.NewPCG(seed, 7))
			c := newConn(t, Options{})
			limit := 40 + r.IntN(3000)
			c.play(ev, whole, func(n int) int { return min(n, limit) }, r.IntN(2) == 0)
			for i, line := range strings.Split(c.close(), "\n") {
				if i < len(c.all) && c.all[i].Outcome == Complete && !c.all[i].ResultsCut && strings.Contains(line, "\"") && !strings.Contains(line, "...") && !truth[line] {
					if !strings.HasPrefix(line, "stmt") {
						t.Fatalf("%s seed %d: %s\n%+v", path, seed, line, *c.cfg.Stats())
					}
				}
			}
			emitted += len(c.got)
			total += len(ref.got)
		}
	}
	t.Logf("emitted %d of %d", emitted, total)
}

// FuzzParser reads script as a list of events: an operation byte, a length byte, and bytes
// taken from the two streams. Whatever comes, nothing panics, operations are conserved, and
// memory stays bounded.
func FuzzParser(f *testing.F) {
	for _, path := range segmenttest.Captures(f) {
		var s [2]string
		for _, e := range segmenttest.Read(f, path) {
			s[e.Dir] += e.Bytes
		}
		f.Add([]byte("\x00\xff\x01\xff\x00\x40\x11\xff\x20\x80\x01\x60"), []byte(s[0][:min(len(s[0]), 2000)]), []byte(s[1][:min(len(s[1]), 2000)]))
	}
	f.Fuzz(func(t *testing.T, script, req, resp []byte) {
		c := newConn(t, Options{MaxText: 64, MaxPipeline: 8, MaxStatements: 3})
		player := segmenttest.Player{Parser: c.p, Check: c.check}
		player.Script(script, req, resp)
		c.close()
		// Whole, in order: the request stream first, then the response stream.
		a, b := newConn(t, Options{}), newConn(t, Options{})
		ev := []event{{Dir: Request, Bytes: string(req)}, {Dir: Response, Bytes: string(resp)}}
		if len(req) == 0 || len(resp) == 0 {
			return
		}
		a.play(ev, whole, whole, false)
		if s := a.cfg.Stats(); s.SkippedBytes+s.UndecodableRequests+s.UndecodableResponses+s.Drops()+s.UnexpectedResponses == 0 && !a.p.Done() {
			b.play(ev, func(int) int { return 1 }, whole, false)
			if got, want := b.close(), a.close(); got != want && b.cfg.Stats().SkippedBytes == 0 {
				t.Fatalf("whole:\n%s\nbyte by byte:\n%s", want, got)
			}
		}
	})
}

func FuzzRecognize(f *testing.F) {
	f.Add([]byte(com(ComQuery, "select 1")))
	f.Add([]byte(rawResult))
	f.Fuzz(func(_ *testing.T, b []byte) { Recognize(b) })
}

func TestRecognize(t *testing.T) {
	seen, missed := 0, 0
	for _, path := range segmenttest.Captures(t) {
		for i, e := range segmenttest.Read(t, path) {
			d, v := Recognize([]byte(e.Bytes[:min(len(e.Bytes), 2048)]))
			if v == Yes && d != e.Dir {
				t.Errorf("%s %d: %q is of direction %d", path, i, e.Bytes[:min(len(e.Bytes), 40)], d)
			}
			if e.Dir == Request && len(e.Bytes) > 4 && e.Bytes[3] == 0 {
				if seen++; v != Yes {
					missed++
				}
			}
		}
	}
	t.Logf("%d of %d commands are not recognised alone", missed, seen)
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x00\x00\x12\x04\x00\x00\x00\x00\x00",
		"SSH-2.0-OpenSSH_9.2p1\r\n", "*1\r\n$4\r\nPING\r\n", "+PONG\r\n", "get key\r\n", "STORED\r\n", "INFO {}\r\n", "AMQP\x00\x00\x09\x01",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00\x00\x00\x1e\x00\x03\x00\x00\x00\x00\x00\x01\x00\x04test\x00\x00\x00\x01\x00\x01t",
		"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02id", "Q\x00\x00\x00\x0dselect 1\x00", "S\x00\x00\x00\x04", "1\x00\x00\x00\x042\x00\x00\x00\x04",
		"\x3a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00\x00\x00\x00\x00\x00", "\x80\x01\x00\x01",
	} {
		if _, v := Recognize([]byte(s)); v == Yes {
			t.Errorf("%q is no MySQL", s)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 1_000_000 {
		b := make([]byte, 4+r.IntN(60))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if _, v := Recognize(b); v == Yes {
			t.Errorf("recognised %q", b)
		}
	}
}

func benchmark(b *testing.B, perOp int, segs ...event) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	list := make([]Segment, len(segs))
	bytes := 0
	for i, e := range segs {
		list[i] = Segment{Data: []byte(e.Bytes), Len: int64(len(e.Bytes)), Start: 1, End: 2}
		bytes += len(e.Bytes)
	}
	b.ReportAllocs()
	b.SetBytes(int64(bytes))
	for b.Loop() {
		for i := range list {
			p.Segment(segs[i].Dir, &list[i])
		}
	}
	if n != b.N*perOp {
		b.Fatalf("%d exchanges in %d rounds: %+v", n, b.N, *cfg.Stats())
	}
}

var (
	column    = "\x03def\x04shop\x01t\x01t\x01b\x01b\x0c\x21\x00\x00\x01\x00\x00\xfd\x00\x00\x00\x00\x00"
	rawResult = pkt(1, "\x01") + pkt(2, column) + pkt(3, "\xfe\x00\x00\x02\x00") + pkt(4, "\x03abc") + pkt(5, "\xfe\x00\x00\x02\x00")
	okResult  = pkt(1, "\x00\x03\x00\x02\x00\x00\x00")
)

func rq(parts ...string) event { return event{Dir: Request, Bytes: strings.Join(parts, "")} }
func rs(parts ...string) event { return event{Dir: Response, Bytes: strings.Join(parts, "")} }

func BenchmarkQuery(b *testing.B) {
	benchmark(b, 1, rq(com(ComQuery, "SELECT b FROM t WHERE a = 3456")), rs(rawResult))
}

func BenchmarkExecute(b *testing.B) {
	benchmark(b, 1, rq(com(ComStmtExecute, u32(1)+"\x00"+u32(1))), rs(okResult))
}

func BenchmarkRows100B(b *testing.B) {
	var s strings.Builder
	for i := range 1000 {
		s.WriteString(pkt(byte(i+4), strings.Repeat("r", 100)))
	}
	benchmark(b, 1, rq(com(ComQuery, "SELECT")), rs(rawResult[:len(rawResult)-9-8], s.String(), pkt(byte(1004&255), "\xfe\x00\x00\x02\x00")))
}

func BenchmarkLargeRow(b *testing.B) {
	benchmark(b, 1, rq(com(ComQuery, "SELECT")), rs(rawResult[:len(rawResult)-9-8], pkt(4, strings.Repeat("r", 1<<20)), pkt(5, "\xfe\x00\x00\x02\x00")))
}

// Steady state allocates nothing.
func TestNoAllocations(t *testing.T) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	req := []byte(com(ComQuery, "SELECT b FROM t"))
	resp := []byte(rawResult)
	if a := testing.AllocsPerRun(1000, func() {
		p.Segment(Request, &Segment{Data: req, Len: int64(len(req))})
		p.Segment(Response, &Segment{Data: resp[:20], Len: 20})
		p.Segment(Response, &Segment{Data: resp[20:], Len: int64(len(resp) - 20)})
	}); a != 0 || n != 1001 {
		t.Errorf("%v allocations per exchange, %d exchanges", a, n)
	}
}

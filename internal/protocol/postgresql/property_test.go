// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// With random cuts and captured prefixes of real conversations: what is emitted as complete
// has a text and an outcome that the whole conversation shows, and nothing is lost uncounted.
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
			cut := whole
			if r.IntN(2) == 0 {
				cut = func(n int) int { return 1 + r.IntN(n) }
			}
			c.play(ev, cut, func(n int) int { return min(n, limit) }, r.IntN(2) == 0)
			for line := range strings.SplitSeq(c.close(), "\n") {
				exact := strings.HasSuffix(line, " complete") && !strings.Contains(line, "\"...") && strings.Contains(line, "\"")
				if exact && strings.HasPrefix(line, "query") && !truth[line] && !strings.Contains(path, "psql") {
					t.Fatalf("%s seed %d: %s\n%+v", path, seed, line, *c.cfg.Stats())
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
	f.Add([]byte(query("select 1")))
	f.Add([]byte(row("a", "b") + complete("SELECT 1") + ready('I')))
	f.Fuzz(func(_ *testing.T, b []byte) { Recognize(b) })
}

func TestRecognize(t *testing.T) {
	for _, path := range segmenttest.Captures(t) {
		for i, e := range segmenttest.Read(t, path) {
			d, v := Recognize([]byte(e.Bytes[:min(len(e.Bytes), 2048)]))
			if v == Yes && d != e.Dir {
				t.Errorf("%s %d: %q is of direction %d", path, i, e.Bytes[:min(len(e.Bytes), 40)], e.Dir)
			}
			if v != Yes && len(e.Bytes) > 0 && strings.ContainsRune("QPBEDC", rune(e.Bytes[0])) && e.Dir == Request && len(e.Bytes) > 6 {
				t.Errorf("%s %d: %q is missed: %d", path, i, e.Bytes[:min(len(e.Bytes), 40)], v)
			}
		}
	}
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "POST /a HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2p1\r\n", "*1\r\n$4\r\nPING\r\n", "+PONG\r\n", "get key\r\n", "VALUE k 0 1\r\n", "STORED\r\n", "EHLO x\r\n", "CONNECT {}\r\n", "INFO {}\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00\x00\x00\x1e\x00\x03\x00\x00\x00\x00\x00\x01\x00\x04test\x00\x00\x00\x01\x00\x01t", "AMQP\x00\x00\x09\x01",
		"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02id", "\x51\x00\x00\x00\x03select 1 from some_table_with_a_long_name where a = 1 and b = 2 and c = 3 ...",
		"\x4a\x00\x00\x00\x0a5.5.5-10.11.19-MariaDB\x00", "\x3a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00", "\x80\x01\x00\x01",
	} {
		if _, v := Recognize([]byte(s)); v == Yes {
			t.Errorf("%q is no PostgreSQL", s)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	found := 0
	for range 1_000_000 {
		b := make([]byte, 4+r.IntN(60))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if _, v := Recognize(b); v == Yes {
			found++
			t.Logf("%q", b)
		}
	}
	if found > 0 {
		t.Errorf("%d of a million random segments were recognised", found)
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

var oneRow = rs(columns("abalance"), row("123"), complete("SELECT 1"), ready('I'))

func BenchmarkQuery(b *testing.B) {
	benchmark(b, 1, rq(query("SELECT abalance FROM pgbench_accounts WHERE aid = 3456;")), oneRow)
}

func BenchmarkExtended(b *testing.B) {
	benchmark(b, 1, rq(parse("", "SELECT abalance FROM pgbench_accounts WHERE aid = $1"), bind("", "", "3456"), describe('P', ""), execute("", 0), syncNow),
		rs(parsed, bound), oneRow)
}

func BenchmarkPrepared(b *testing.B) {
	benchmark(b, 1, rq(bind("", "P_0", "3456"), describe('P', ""), execute("", 0), syncNow), rs(bound), oneRow)
}

func BenchmarkRows100B(b *testing.B) {
	benchmark(b, 1, rq(query("SELECT")), rs(strings.Repeat(row(strings.Repeat("r", 100)), 1000), complete("SELECT 1000"), ready('I')))
}

func BenchmarkLargeRow(b *testing.B) {
	benchmark(b, 1, rq(query("SELECT")), rs(row(strings.Repeat("r", 1<<20)), complete("SELECT 1"), ready('I')))
}

// Steady state allocates nothing.
func TestNoAllocations(t *testing.T) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	req := []byte(parse("", "SELECT 1") + bind("", "", "3456") + describe('P', "") + execute("", 0) + syncNow)
	resp := []byte(parsed + bound + oneRow.Bytes)
	if a := testing.AllocsPerRun(1000, func() {
		p.Segment(Request, &Segment{Data: req, Len: int64(len(req))})
		p.Segment(Response, &Segment{Data: resp[:20], Len: 20})
		p.Segment(Response, &Segment{Data: resp[20:], Len: int64(len(resp) - 20)})
	}); a != 0 || n != 1001 {
		t.Errorf("%v allocations per exchange, %d exchanges", a, n)
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"strings"
	"testing"
)

func benchmark(b *testing.B, perOp int, o Options, segs ...event) {
	cfg, n := NewConfig(o), 0
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

func BenchmarkGet(b *testing.B) {
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: cmd("GET user:1000:name")}, event{Dir: Response, Bytes: "$5\r\nhello\r\n"})
}

func BenchmarkGetKeys(b *testing.B) {
	benchmark(b, 1, Options{Keys: true}, event{Dir: Request, Bytes: cmd("GET user:1000:name")}, event{Dir: Response, Bytes: "$5\r\nhello\r\n"})
}

func BenchmarkHSet(b *testing.B) {
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: cmd("HSET user:1000 name x age 3 city y")}, event{Dir: Response, Bytes: ":3\r\n"})
}

func BenchmarkPipelined16(b *testing.B) {
	benchmark(b, 16, Options{}, event{Dir: Request, Bytes: strings.Repeat(cmd("SET key:000000000001 xxx"), 16)}, event{Dir: Response, Bytes: strings.Repeat("+OK\r\n", 16)})
}

func BenchmarkTransaction(b *testing.B) {
	benchmark(b, 4, Options{}, event{Dir: Request, Bytes: cmd("MULTI") + cmd("INCR a") + cmd("INCR b") + cmd("EXEC")}, event{Dir: Response, Bytes: "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n"})
}

func BenchmarkLargeValue(b *testing.B) {
	body := strings.Repeat("x", 1<<20)
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: cmd("GET k")}, event{Dir: Response, Bytes: "$1048576\r\n"}, event{Dir: Response, Bytes: body}, event{Dir: Response, Bytes: "\r\n"})
}

func BenchmarkListOf1000(b *testing.B) {
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: cmd("LRANGE k 0 -1")}, event{Dir: Response, Bytes: "*1000\r\n" + strings.Repeat("$100\r\n"+strings.Repeat("v", 100)+"\r\n", 1000)})
}

// Steady state allocates nothing.
func TestNoAllocations(t *testing.T) {
	cfg, n := NewConfig(Options{Keys: true}), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	seg := func(s string) *Segment { return &Segment{Data: []byte(s), Len: int64(len(s))} }
	req, half, rest := seg(cmd("CONFIG GET x")+cmd("HSET k f v")), seg("*1\r\n+a\r\n:"), seg("1\r\n")
	if a := testing.AllocsPerRun(1000, func() {
		p.Segment(Request, req)
		p.Segment(Response, half)
		p.Segment(Response, rest)
	}); a != 0 || n != 2002 {
		t.Errorf("%v allocations, %d exchanges", a, n)
	}
}

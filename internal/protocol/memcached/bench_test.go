// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

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
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: "get user:1000:name\r\n"}, event{Dir: Response, Bytes: "VALUE user:1000:name 0 5\r\nhello\r\nEND\r\n"})
}

func BenchmarkGetKeys(b *testing.B) {
	benchmark(b, 1, Options{Keys: true}, event{Dir: Request, Bytes: "get user:1000:name\r\n"}, event{Dir: Response, Bytes: "VALUE user:1000:name 0 5\r\nhello\r\nEND\r\n"})
}

func BenchmarkSet(b *testing.B) {
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: "set user:1000:name 0 3600 5\r\nhello\r\n"}, event{Dir: Response, Bytes: "STORED\r\n"})
}

func BenchmarkMeta(b *testing.B) {
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: "mg user:1000:name v t k O123\r\n"}, event{Dir: Response, Bytes: "VA 5 t100 kuser:1000:name O123\r\nhello\r\n"})
}

func BenchmarkBinary(b *testing.B) {
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: bin(0, 7, "", "user:1000:name", "")}, event{Dir: Response, Bytes: reply(0, 0, 7, "1234", "", "hello")})
}

func BenchmarkPipelined16(b *testing.B) {
	benchmark(b, 16, Options{}, event{Dir: Request, Bytes: strings.Repeat("get user:1000:name\r\n", 16)}, event{Dir: Response, Bytes: strings.Repeat("END\r\n", 16)})
}

func BenchmarkLargeValue(b *testing.B) {
	body := strings.Repeat("x", 1<<20)
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: "get k\r\n"}, event{Dir: Response, Bytes: "VALUE k 0 1048576\r\n"}, event{Dir: Response, Bytes: body}, event{Dir: Response, Bytes: "\r\nEND\r\n"})
}

func BenchmarkGet100(b *testing.B) {
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: "get" + strings.Repeat(" user:1000:name", 100) + "\r\n"}, event{Dir: Response, Bytes: strings.Repeat("VALUE user:1000:name 0 1000\r\n"+strings.Repeat("v", 1000)+"\r\n", 100) + "END\r\n"})
}

// Steady state allocates nothing.
func TestNoAllocations(t *testing.T) {
	cfg, n := NewConfig(Options{Keys: true}), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	seg := func(s string) *Segment { return &Segment{Data: []byte(s), Len: int64(len(s))} }
	req, half, rest := seg("get a b\r\n"+bin(0, 1, "", "k", "")), seg("VALUE a 0 1\r\nx\r\nEN"), seg("D\r\n"+reply(0, 1, 1, "", "", ""))
	if a := testing.AllocsPerRun(1000, func() {
		p.Segment(Request, req)
		p.Segment(Response, half)
		p.Segment(Response, rest)
	}); a != 0 || n != 2002 {
		t.Errorf("%v allocations, %d exchanges", a, n)
	}
}

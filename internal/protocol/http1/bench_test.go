// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"strings"
	"testing"
)

const benchRequest = "GET /api/users/42?page=3 HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n" +
	"Accept-Encoding: gzip\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"

const benchResponse = "HTTP/1.1 200 OK\r\nServer: nginx/1.26.3\r\nDate: Sun, 22 Nov 2026 04:00:00 GMT\r\nContent-Type: text/html\r\n" +
	"Content-Length: 12\r\nLast-Modified: Sat, 21 Nov 2026 04:00:00 GMT\r\nConnection: keep-alive\r\n\r\nHello, world"

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

func BenchmarkExchange(b *testing.B) {
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: benchRequest}, event{Dir: Response, Bytes: benchResponse})
}

func BenchmarkExchangeCaptured(b *testing.B) {
	benchmark(b, 1, Options{RequestHeaders: []string{"accept"}, ResponseHeaders: []string{"server"}},
		event{Dir: Request, Bytes: benchRequest}, event{Dir: Response, Bytes: benchResponse})
}

func BenchmarkSplitHeads(b *testing.B) {
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: benchRequest[:100]}, event{Dir: Request, Bytes: benchRequest[100:]},
		event{Dir: Response, Bytes: benchResponse[:90]}, event{Dir: Response, Bytes: benchResponse[90:]})
}

func BenchmarkPipelined100(b *testing.B) {
	benchmark(b, 100, Options{}, event{Dir: Request, Bytes: strings.Repeat(benchRequest, 100)}, event{Dir: Response, Bytes: strings.Repeat(benchResponse, 100)})
}

func BenchmarkLargeBody(b *testing.B) {
	body := strings.Repeat("x", 64<<10)
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: benchRequest}, event{Dir: Response, Bytes: "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"},
		event{Dir: Response, Bytes: strings.Repeat(body, 16)})
}

func BenchmarkChunkedBody(b *testing.B) {
	var s strings.Builder
	for range 64 {
		s.WriteString("2000\r\n" + strings.Repeat("x", 8192) + "\r\n")
	}
	benchmark(b, 1, Options{}, event{Dir: Request, Bytes: benchRequest}, event{Dir: Response, Bytes: okChunked + s.String() + "0\r\n\r\n"})
}

// Steady state allocates nothing.
func TestNoAllocations(t *testing.T) {
	cfg, n := NewConfig(Options{ResponseHeaders: []string{"server"}}), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	req := Segment{Data: []byte(benchRequest), Len: int64(len(benchRequest))}
	half := Segment{Data: []byte(benchResponse[:50]), Len: 50}
	rest := Segment{Data: []byte(benchResponse[50:]), Len: int64(len(benchResponse) - 50)}
	if a := testing.AllocsPerRun(1000, func() {
		p.Segment(Request, &req)
		p.Segment(Response, &half)
		p.Segment(Response, &rest)
	}); a != 0 || n != 1001 {
		t.Errorf("%v allocations per exchange, %d exchanges", a, n)
	}
}

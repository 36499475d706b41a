// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"strings"
	"testing"
)

func benchmark(b *testing.B, perOp int, o Options, ev func(cl, sv *peer, id uint32) []event) {
	cfg, n := NewConfig(o), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	cl, sv := newPeer(), newPeer()
	feed := func(e event, s *Segment) {
		*s = Segment{Data: []byte(e.Bytes), Len: int64(len(e.Bytes)), Start: 1, End: 2}
	}
	var s Segment
	for _, e := range []event{{Dir: Request, Bytes: preface}, {Dir: Request, Bytes: func() string { cl.fr.WriteSettings(); return cl.take() }()}, {Dir: Response, Bytes: func() string { sv.fr.WriteSettings(); return sv.take() }()}} {
		feed(e, &s)
		p.Segment(e.Dir, &s)
	}
	// The first exchanges fill the tables; then the same bytes serve again with a new ID.
	for id := range uint32(3) {
		for _, e := range ev(cl, sv, 2*id+1) {
			feed(e, &s)
			p.Segment(e.Dir, &s)
		}
	}
	last := ev(cl, sv, 0x01010101)
	list := make([]Segment, len(last))
	size := 0
	for i, e := range last {
		feed(e, &list[i])
		size += len(e.Bytes)
	}
	n = 0
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for b.Loop() {
		p.maxID = 0 // the same IDs again
		for i := range list {
			p.Segment(last[i].Dir, &list[i])
		}
	}
	if s := cfg.Stats(); n != b.N*perOp || s.UnknownFields+s.BadBlocks+s.BadFrames != 0 {
		b.Fatalf("%d exchanges in %d rounds: %+v", n, b.N, *s)
	}
}

func benchGet(cl, sv *peer, id uint32) []event {
	return []event{
		{Dir: Request, Bytes: cl.headers(id, true, append(get("/api/users/42?page=3"), "accept=*/*", "accept-encoding=gzip",
			"!traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")...).take()},
		{Dir: Response, Bytes: sv.headers(id, false, ":status=200", "server=nginx/1.26.3", "date=Sun, 22 Nov 2026 04:00:00 GMT", "content-type=text/html", "content-length=12").data(id, true, 12).take()},
	}
}

func benchUnary(cl, sv *peer, id uint32) []event {
	return []event{
		{Dir: Request, Bytes: cl.headers(id, false, append(call("/shop.Cart/Add"), "user-agent=grpc-go/1.83", "!grpc-timeout=999m")...).message(id, true, 40).take()},
		{Dir: Response, Bytes: sv.headers(id, false, ":status=200", "content-type=application/grpc").message(id, false, 20).headers(id, true, "grpc-status=0", "grpc-message=").take()},
	}
}

func BenchmarkExchange(b *testing.B) { benchmark(b, 1, Options{}, benchGet) }

func BenchmarkGRPCUnary(b *testing.B) { benchmark(b, 1, Options{}, benchUnary) }

func BenchmarkLargeBody(b *testing.B) {
	benchmark(b, 1, Options{}, func(cl, sv *peer, id uint32) []event {
		cl.headers(id, true, get("/big")...)
		sv.headers(id, false, ":status=200")
		for range 64 {
			sv.data(id, false, 16<<10)
		}
		return []event{{Dir: Request, Bytes: cl.take()}, {Dir: Response, Bytes: sv.data(id, true, 0).take()}}
	})
}

func BenchmarkGRPCStream(b *testing.B) {
	benchmark(b, 1, Options{}, func(cl, sv *peer, id uint32) []event {
		cl.headers(id, false, call("/s.S/Stream")...).message(id, true, 10)
		sv.headers(id, false, ":status=200", "content-type=application/grpc")
		for range 100 {
			sv.message(id, false, 1000)
		}
		return []event{{Dir: Request, Bytes: cl.take()}, {Dir: Response, Bytes: sv.headers(id, true, "grpc-status=0").take()}}
	})
}

func BenchmarkHuffman(b *testing.B) {
	raw := []byte(newPeer().block("!x=" + strings.Repeat("www.example.com/", 8)))[3:]
	t, out := sharedHuffman(), make([]byte, 0, 200)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		t.decode(out, raw, 200)
	}
}

// Steady state allocates nothing.
func TestNoAllocations(t *testing.T) {
	cfg, n := NewConfig(Options{ResponseHeaders: []string{"server"}}), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	cl, sv := newPeer(), newPeer()
	list := []Segment{{Data: []byte(preface)}}
	for _, e := range append(benchUnary(cl, sv, 1), benchUnary(cl, sv, 1)...) {
		list = append(list, Segment{Data: []byte(e.Bytes), Len: int64(len(e.Bytes))})
	}
	p.Segment(Request, &list[0])
	p.Segment(Request, &list[1])
	p.Segment(Response, &list[2])
	if a := testing.AllocsPerRun(1000, func() {
		p.maxID = 0
		p.Segment(Request, &list[3])
		p.Segment(Response, &list[4])
	}); a != 0 || n != 1002 {
		t.Errorf("%v allocations per exchange, %d exchanges, %+v", a, n, *cfg.Stats())
	}
}

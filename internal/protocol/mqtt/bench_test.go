// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

func benchmark(b *testing.B, perOp int, v version, segs ...segmenttest.Event) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Message) { n++ })
	p.Opened()
	p.version = v
	list := make([]Segment, len(segs))
	bytes := 0
	for i, s := range segs {
		list[i] = Segment{Data: []byte(s.Bytes), Len: int64(len(s.Bytes)), Start: 1, End: 2}
		bytes += len(s.Bytes)
	}
	b.ReportAllocs()
	b.SetBytes(int64(bytes))
	for b.Loop() {
		for i := range list {
			p.Segment(segs[i].Dir, &list[i])
		}
	}
	if n != b.N*perOp {
		b.Fatalf("%d messages in %d rounds: %+v", n, b.N, *cfg.Stats())
	}
}

func BenchmarkPublish(b *testing.B) {
	benchmark(b, 1, version311, segmenttest.Event{Dir: Request, Bytes: send("room/1/temperature", 0, "20.5")})
}

func BenchmarkPublishAndAnswer(b *testing.B) {
	benchmark(b, 1, version311, segmenttest.Event{Dir: Request, Bytes: send("room/1/temperature", 7, "20.5")}, segmenttest.Event{Dir: Response, Bytes: packet(ptPuback<<4, id(7))})
}

func BenchmarkPublishWithProperties(b *testing.B) {
	benchmark(b, 1, version5, segmenttest.Event{Dir: Request, Bytes: send5("room/1/temperature", "\x26"+text("traceparent")+text(context), "20.5")})
}

func BenchmarkPublish1000(b *testing.B) {
	benchmark(b, 1000, version311, segmenttest.Event{Dir: Request, Bytes: strings.Repeat(send("room/1/temperature", 0, strings.Repeat("x", 128)), 1000)})
}

func BenchmarkLargePayload(b *testing.B) {
	benchmark(b, 1, version311, segmenttest.Event{Dir: Request, Bytes: send("room/1/picture", 0, strings.Repeat("x", 1<<20))})
}

// Steady state allocates nothing.
func TestNoAllocations(t *testing.T) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Message) { n++ })
	p.Opened()
	p.version = version5
	seg := func(s string) *Segment { return &Segment{Data: []byte(s), Len: int64(len(s))} }
	b := packet(ptPublish<<4|2, text("c")+id(2)+"\x00xyz")
	one, two, answer, push := seg(b[:5]), seg(b[5:]), seg(packet(ptPuback<<4, id(2))), seg(send5("a/b", "\x23\x00\x01", "x")+send5("", "\x23\x00\x01", "y"))
	if a := testing.AllocsPerRun(1000, func() {
		p.Segment(Request, one)
		p.Segment(Request, two)
		p.Segment(Response, answer)
		p.Segment(Response, push)
	}); a != 0 || n != 3003 {
		t.Errorf("%v allocations, %d messages", a, n)
	}
}

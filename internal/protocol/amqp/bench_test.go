// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

func benchmark(b *testing.B, perOp int, before string, segs ...segmenttest.Event) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Message) { n++ })
	p.Opened()
	p.Segment(Request, &Segment{Data: []byte(before), Len: int64(len(before))})
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
	benchmark(b, 1, greeting, segmenttest.Event{Dir: Request, Bytes: publish(1, "shop", "orders.eu", "17", "hello")})
}

func BenchmarkPublishAndConfirm(b *testing.B) {
	benchmark(b, 1, greeting+call(1, confirmSelect, "\x00"),
		segmenttest.Event{Dir: Request, Bytes: publish(1, "shop", "orders.eu", "17", "hello")},
		segmenttest.Event{Dir: Response, Bytes: ack(1, basicAck, 0, true)})
}

func BenchmarkDeliver(b *testing.B) {
	benchmark(b, 1, greeting+call(1, basicConsume, "\x00\x00"+short("q")+short("c")+"\x08"+long("")),
		segmenttest.Event{Dir: Response, Bytes: deliver(1, "c", 1, "orders.eu", "hello")}, segmenttest.Event{Dir: Request, Bytes: ack(1, basicAck, 1, false)})
}

func BenchmarkLargeBody(b *testing.B) {
	payload := strings.Repeat("x", 1<<20)
	benchmark(b, 1, greeting, segmenttest.Event{
		Dir:   Request,
		Bytes: call(1, basicPublish, "\x00\x00"+short("x")+short("k")+"\x00") + header(1, len(payload), "", "") + body(1, payload, 131064),
	})
}

// Steady state allocates nothing.
func TestNoAllocations(t *testing.T) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Message) { n++ })
	p.Opened()
	seg := func(s string) *Segment { return &Segment{Data: []byte(s), Len: int64(len(s))} }
	p.Segment(Request, seg(greeting+call(1, confirmSelect, "\x00")+call(1, basicConsume, "\x00\x00"+short("q")+short("c")+"\x08"+long(""))))
	b := publish(1, "shop", "orders.eu", "17", "hello")
	one, two, confirm, push := seg(b[:30]), seg(b[30:]), seg(ack(1, basicAck, 0, true)), seg(deliver(1, "c", 1, "orders.eu", "hello"))
	if a := testing.AllocsPerRun(1000, func() {
		p.Segment(Request, one)
		p.Segment(Request, two)
		p.Segment(Response, confirm)
		p.Segment(Response, push)
	}); a != 0 || n != 2002 {
		t.Errorf("%v allocations, %d messages", a, n)
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"strings"
	"testing"
)

func benchmark(b *testing.B, d Direction, perOp int, before string, segs ...string) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Message) { n++ })
	p.Opened()
	p.Segment(Request, &Segment{Data: []byte(before), Len: int64(len(before))})
	list := make([]Segment, len(segs))
	bytes := 0
	for i, s := range segs {
		list[i] = Segment{Data: []byte(s), Len: int64(len(s)), Start: 1, End: 2}
		bytes += len(s)
	}
	b.ReportAllocs()
	b.SetBytes(int64(bytes))
	for b.Loop() {
		for i := range list {
			p.Segment(d, &list[i])
		}
	}
	if n != b.N*perOp {
		b.Fatalf("%d messages in %d rounds: %+v", n, b.N, *cfg.Stats())
	}
}

func BenchmarkPublish(b *testing.B) { benchmark(b, Request, 1, "", "PUB orders.eu 5\r\nhello\r\n") }

func BenchmarkPublishWithHeaders(b *testing.B) {
	benchmark(b, Request, 1, "", "HPUB orders.eu 99 104\r\n"+headers+"hello\r\n")
}

func BenchmarkDeliver(b *testing.B) {
	benchmark(b, Response, 1, "SUB orders.* workers 1\r\n", "MSG orders.eu 1 5\r\nhello\r\n")
}

func BenchmarkPublish1000(b *testing.B) {
	benchmark(b, Request, 1000, "", strings.Repeat("PUB orders.eu 128\r\n"+strings.Repeat("x", 128)+"\r\n", 1000))
}

func BenchmarkLargePayload(b *testing.B) {
	benchmark(b, Request, 1, "", "PUB orders.eu 1048576\r\n", strings.Repeat("x", 1<<20), "\r\n")
}

// Steady state allocates nothing.
func TestNoAllocations(t *testing.T) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Message) { n++ })
	p.Opened()
	seg := func(s string) *Segment { return &Segment{Data: []byte(s), Len: int64(len(s))} }
	sub, one, two := seg("SUB orders.* workers 1\r\n"), seg("PUB a 5\r\nhello\r\nHPUB c 99 104\r\n"+headers[:50]), seg(headers[50:]+"hello\r\n")
	msg := seg("MSG orders.eu 1 5\r\nhello\r\n")
	p.Segment(Request, sub)
	if a := testing.AllocsPerRun(1000, func() {
		p.Segment(Request, one)
		p.Segment(Request, two)
		p.Segment(Response, msg)
	}); a != 0 || n != 3003 {
		t.Errorf("%v allocations, %d messages", a, n)
	}
}

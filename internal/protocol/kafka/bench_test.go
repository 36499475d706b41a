// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

func benchmark(b *testing.B, perOp int, o Options, events ...segmenttest.Event) {
	cfg, n := NewConfig(o), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	list := make([]segment.Segment, len(events))
	bytes := 0
	for i, e := range events {
		list[i] = segment.Segment{Data: []byte(e.Bytes), Len: int64(len(e.Bytes)), Start: 1, End: 2}
		bytes += len(e.Bytes)
	}
	b.ReportAllocs()
	b.SetBytes(int64(bytes))
	for b.Loop() {
		for i := range list {
			p.Segment(events[i].Dir, &list[i])
		}
	}
	if n != b.N*perOp {
		b.Fatalf("%d exchanges in %d rounds: %+v", n, b.N, *cfg.Stats())
	}
}

func up(b string) segmenttest.Event   { return segmenttest.Event{Dir: segment.Request, Bytes: b} }
func down(b string) segmenttest.Event { return segmenttest.Event{Dir: segment.Response, Bytes: b} }

func BenchmarkProduce(b *testing.B) {
	benchmark(b, 1, Options{}, up(produce(1, 1, 3)), down(produced(1, 0)))
}

// The sizes are read apart, as servers and clients do.
func BenchmarkProduceSizesApart(b *testing.B) {
	req, resp := produce(1, 1, 3), produced(1, 0)
	benchmark(b, 1, Options{}, up(req[:4]), up(req[4:]), down(resp[:4]), down(resp[4:]))
}

func BenchmarkOther(b *testing.B) {
	benchmark(b, 1, Options{}, up(request(APIVersions, 3, 1, "\x00\x00")), down(response(1, strings.Repeat("\x00", 700))))
}

func traced() string {
	r := record("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	return strings.Replace(r, "value\x04", "value\x02", 1)
}

func tracedProduce(n int) string {
	return request(Produce, 7, 1, "\xff\xff\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01\x00\x00\x00\x05"+
		sized(batch(byte(n), strings.Repeat(traced(), n))))
}

func BenchmarkTracedRecord(b *testing.B) {
	benchmark(b, 1, Options{TraceContext: true}, up(tracedProduce(1)), down(produced(1, 0)))
}

func BenchmarkTracedRecords100(b *testing.B) {
	benchmark(b, 1, Options{TraceContext: true}, up(tracedProduce(100)), down(produced(1, 0)))
}

// A megabyte in one batch, in reads of 64 KiB.
func BenchmarkLargeProduce(b *testing.B) {
	req := request(Produce, 7, 1, "\xff\xff\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01\x00\x00\x00\x05"+
		sized(batch(1, strings.Repeat("x", 1<<20))))
	events := []segmenttest.Event{}
	for ; len(req) > 1<<16; req = req[1<<16:] {
		events = append(events, up(req[:1<<16]))
	}
	benchmark(b, 1, Options{}, append(events, up(req), down(produced(1, 0)))...)
}

// A fetched megabyte of records of 1 KiB, each looked into.
func BenchmarkLargeFetch(b *testing.B) {
	value := strings.Repeat("v", 1024)
	r := "\x00\x00\x00\x06key\x80\x10" + value + "\x00"
	records := strings.Repeat(string([]byte{0x98, 0x10})+r, 100)
	batches := strings.Repeat(batch(100, records), 10)
	req := request(Fetch, 4, 1, strings.Repeat("\x00", 17)+"\x00\x00\x00\x00")
	resp := response(1, "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"+strings.Repeat("\x00", 16)+"\x00\x00\x00\x00"+sized(batches))
	benchmark(b, 1, Options{TraceContext: true}, up(req), down(resp))
}

// Steady state allocates nothing.
func TestNoAllocations(t *testing.T) {
	cfg, n := NewConfig(Options{TraceContext: true}), 0
	var messages int64
	p := cfg.NewParser(func(e *Exchange) {
		n++
		messages += e.Topics[0].Messages
	})
	seg := func(s string) *segment.Segment { return &segment.Segment{Data: []byte(s), Len: int64(len(s))} }
	req, half, rest := seg(tracedProduce(3)+produce(2, 0, 2)), seg(produced(1, 0)[:9]), seg(produced(1, 0)[9:])
	if a := testing.AllocsPerRun(1000, func() {
		p.Segment(segment.Request, req)
		p.Segment(segment.Response, half)
		p.Segment(segment.Response, rest)
	}); a != 0 || n != 2002 || messages != 5005 {
		t.Errorf("%v allocations, %d exchanges, %d messages", a, n, messages)
	}
}

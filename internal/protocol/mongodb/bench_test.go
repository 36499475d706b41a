// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import (
	"strings"
	"testing"
)

func benchmark(b *testing.B, perOp int, events ...event) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	list := make([]Segment, len(events))
	bytes := 0
	for i, e := range events {
		list[i] = Segment{Data: []byte(e.Bytes), Len: int64(len(e.Bytes)), Start: 1, End: 2}
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

var (
	findOne = msg(1, 0, 0, doc{"find", "people", "filter", doc{"_id", 7}, "limit", 1, "singleBatch", true, "lsid", doc{"id", binData("0123456789abcdef")}, "$db", "shop"})
	found   = msg(2, 1, 0, doc{"cursor", doc{"firstBatch", array{doc{"_id", 7, "name", "x"}}, "id", int64(0), "ns", "shop.people"}, "ok", 1.0})
)

func BenchmarkFind(b *testing.B) {
	benchmark(b, 1, event{Dir: Request, Bytes: findOne}, event{Dir: Response, Bytes: found})
}

func BenchmarkInsert(b *testing.B) {
	benchmark(b, 1, event{Dir: Request, Bytes: msg(1, 0, 0, doc{"insert", "people", "ordered", true, "$db", "shop"}, sequence("documents", doc{"_id", 1, "name", "x"}))},
		event{Dir: Response, Bytes: msg(2, 1, 0, doc{"n", 1, "ok", 1.0})})
}

func BenchmarkInsertMany1000(b *testing.B) {
	docs := make([]doc, 1000)
	for i := range docs {
		docs[i] = doc{"_id", i, "v", strings.Repeat("v", 200)}
	}
	benchmark(b, 1, event{Dir: Request, Bytes: msg(1, 0, 0, doc{"insert", "people", "$db", "shop"}, sequence("documents", docs...))},
		event{Dir: Response, Bytes: msg(2, 1, 0, doc{"n", 1000, "ok", 1.0})})
}

func BenchmarkLargeBatch(b *testing.B) {
	batch := make(array, 100)
	for i := range batch {
		batch[i] = doc{"_id", i, "v", strings.Repeat("v", 10000)}
	}
	benchmark(b, 1, event{Dir: Request, Bytes: findOne},
		event{Dir: Response, Bytes: msg(2, 1, 0, doc{"cursor", doc{"firstBatch", batch, "id", int64(0)}, "ok", 1.0})})
}

// Steady state allocates nothing.
func TestNoAllocations(t *testing.T) {
	cfg, n := NewConfig(Options{}), 0
	p := cfg.NewParser(func(*Exchange) { n++ })
	seg := func(s string) *Segment { return &Segment{Data: []byte(s), Len: int64(len(s))} }
	req, half, rest := seg(findOne), seg(found[:50]), seg(found[50:])
	if a := testing.AllocsPerRun(1000, func() {
		p.Segment(Request, req)
		p.Segment(Response, half)
		p.Segment(Response, rest)
	}); a != 0 || n != 1001 {
		t.Errorf("%v allocations, %d exchanges", a, n)
	}
}

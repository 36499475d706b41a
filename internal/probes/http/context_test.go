// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
)

func TestTraceparent(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for in, want := range map[string]decision{
		good:                      keep,
		good[:53] + "00":          drop,
		good[:53] + "02":          drop,
		good[:53] + "ff":          keep,
		"01" + good[2:]:           keep,
		"01" + good[2:] + "-more": keep,
	} {
		r := parseContext(&http1.Exchange{Traceparent: []byte(in)})
		assert.True(t, r.valid, in)
		assert.Equal(t, want, r.decided, in)
		assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", hex.EncodeToString(r.traceID[:]))
		assert.Equal(t, "b7ad6b7169203331", hex.EncodeToString(r.spanID[:]))
	}
	for _, in := range []string{
		"", "00", good[:54], good + "-more", "ff" + good[2:], "01" + good[2:] + "more",
		strings.ToUpper(good), strings.Replace(good, "-b7", "_b7", 1),
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
		good[:53] + "0x",
	} {
		r := parseContext(&http1.Exchange{Traceparent: []byte(in)})
		assert.Equal(t, remote{}, r, in)
	}
}

func TestB3(t *testing.T) {
	const trace, short, span = "463ac35c9f6413ad48485a3953bb6124", "463ac35c9f6413ad", "a2fb4a1d1a96d312"
	for _, c := range []struct {
		ex      http1.Exchange
		trace   string
		decided decision
	}{
		{http1.Exchange{B3: []byte(trace + "-" + span + "-1-05e3ac9a4f6e3b90")}, trace, keep},
		{http1.Exchange{B3: []byte(trace + "-" + span + "-d")}, trace, keep},
		{http1.Exchange{B3: []byte(trace + "-" + span + "-0")}, trace, drop},
		{http1.Exchange{B3: []byte(trace + "-" + span)}, trace, undecided},
		{http1.Exchange{B3: []byte(short + "-" + span + "-1")}, "0000000000000000" + short, keep},
		{http1.Exchange{B3: []byte("0")}, "", drop},
		{http1.Exchange{B3: []byte("x-y-1")}, "", keep},
		{http1.Exchange{B3: []byte("")}, "", undecided},
		{http1.Exchange{B3TraceID: []byte(trace), B3SpanID: []byte(span), B3Sampled: []byte("true")}, trace, keep},
		{http1.Exchange{B3TraceID: []byte(trace), B3SpanID: []byte(span), B3Sampled: []byte("0")}, trace, drop},
		{http1.Exchange{B3TraceID: []byte(trace), B3SpanID: []byte(span), B3Flags: []byte("1")}, trace, keep},
		{http1.Exchange{B3TraceID: []byte(trace)}, "", undecided},
		{http1.Exchange{B3Sampled: []byte("0")}, "", drop},
		{http1.Exchange{Traceparent: []byte("bad"), B3: []byte(trace + "-" + span + "-1")}, trace, keep},
	} {
		r := parseContext(&c.ex)
		got := ""
		if r.valid {
			got = hex.EncodeToString(r.traceID[:])
			assert.Equal(t, span, hex.EncodeToString(r.spanID[:]))
		}
		assert.Equal(t, c.trace, got)
		assert.Equal(t, c.decided, r.decided)
	}
}

func TestTracestate(t *testing.T) {
	const tp = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for in, want := range map[string]string{
		"a=1,b=2": "a=1,b=2", "": "", "a=\x01": "", "a=" + strings.Repeat("x", 511): "", "a=\xff": "",
	} {
		r := parseContext(&http1.Exchange{Traceparent: []byte(tp), Tracestate: []byte(in)})
		assert.Equal(t, want, string(r.state))
	}
}

func TestSampler(t *testing.T) {
	id := func(r string) (t [16]byte) {
		b, _ := hex.DecodeString("ffffffffffffffffff" + r)
		copy(t[:], b)
		return t
	}
	for _, c := range []struct {
		ratio   float64
		r       string // the randomness: the trace ID's last 14 digits
		state   string
		sampled bool
		want    string
	}{
		{1, "00000000000000", "", true, "ot=th:0"},
		{0.5, "80000000000000", "", true, "ot=th:8"},
		{0.5, "7fffffffffffff", "", false, ""},
		{0.25, "c0000000000000", "", true, "ot=th:c"},
		{0.01, "fd70a000000000", "", true, "ot=th:fd70a"},
		{0.01, "fd709fffffffff", "", false, ""},
		{0, "ffffffffffffff", "", false, ""},
		{0.5, "00000000000000", "a=1,ot=rv:80000000000000;x:y", true, "ot=th:8;rv:80000000000000;x:y,a=1"},
		{0.5, "ffffffffffffff", "ot=rv:00000000000001", false, "ot=rv:00000000000001"},
		{0.5, "ffffffffffffff", "ot=th:1,b=2", true, "ot=th:8,b=2"},
	} {
		s := newSampler(SamplingConfig{Ratio: c.ratio})
		trace := id(c.r)
		sampled, state := s.root(&trace, c.state)
		assert.Equal(t, c.sampled, sampled, "%v %v", c.ratio, c.r)
		assert.Equal(t, c.want, state)
	}
}

func TestIDs(t *testing.T) {
	a, b := newIDs(), newIDs()
	seen := map[[16]byte]bool{}
	for range 1000 {
		for _, g := range []ids{a, b} {
			trace := g.trace()
			assert.False(t, seen[trace])
			seen[trace] = true
			assert.NotZero(t, g.span())
		}
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
)

func TestTraceparent(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for in, want := range map[string]tracing.Decision{
		good:                      tracing.Keep,
		good[:53] + "00":          tracing.Drop,
		good[:53] + "02":          tracing.Drop,
		good[:53] + "ff":          tracing.Keep,
		"01" + good[2:]:           tracing.Keep,
		"01" + good[2:] + "-more": tracing.Keep,
	} {
		r := parseContext(&http1.Exchange{Traceparent: []byte(in)})
		assert.True(t, r.Valid, in)
		assert.Equal(t, want, r.Decided, in)
		assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", hex.EncodeToString(r.TraceID[:]))
		assert.Equal(t, "b7ad6b7169203331", hex.EncodeToString(r.SpanID[:]))
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
		assert.Equal(t, tracing.Remote{}, r, in)
	}
}

func TestB3(t *testing.T) {
	const trace, short, span = "463ac35c9f6413ad48485a3953bb6124", "463ac35c9f6413ad", "a2fb4a1d1a96d312"
	for _, c := range []struct {
		ex      http1.Exchange
		trace   string
		decided tracing.Decision
	}{
		{http1.Exchange{B3: []byte(trace + "-" + span + "-1-05e3ac9a4f6e3b90")}, trace, tracing.Keep},
		{http1.Exchange{B3: []byte(trace + "-" + span + "-d")}, trace, tracing.Keep},
		{http1.Exchange{B3: []byte(trace + "-" + span + "-0")}, trace, tracing.Drop},
		{http1.Exchange{B3: []byte(trace + "-" + span)}, trace, tracing.Undecided},
		{http1.Exchange{B3: []byte(short + "-" + span + "-1")}, "0000000000000000" + short, tracing.Keep},
		{http1.Exchange{B3: []byte("0")}, "", tracing.Drop},
		{http1.Exchange{B3: []byte("x-y-1")}, "", tracing.Keep},
		{http1.Exchange{B3: []byte("")}, "", tracing.Undecided},
		{http1.Exchange{B3TraceID: []byte(trace), B3SpanID: []byte(span), B3Sampled: []byte("true")}, trace, tracing.Keep},
		{http1.Exchange{B3TraceID: []byte(trace), B3SpanID: []byte(span), B3Sampled: []byte("0")}, trace, tracing.Drop},
		{http1.Exchange{B3TraceID: []byte(trace), B3SpanID: []byte(span), B3Flags: []byte("1")}, trace, tracing.Keep},
		{http1.Exchange{B3TraceID: []byte(trace)}, "", tracing.Undecided},
		{http1.Exchange{B3Sampled: []byte("0")}, "", tracing.Drop},
		{http1.Exchange{Traceparent: []byte("bad"), B3: []byte(trace + "-" + span + "-1")}, trace, tracing.Keep},
	} {
		r := parseContext(&c.ex)
		got := ""
		if r.Valid {
			got = hex.EncodeToString(r.TraceID[:])
			assert.Equal(t, span, hex.EncodeToString(r.SpanID[:]))
		}
		assert.Equal(t, c.trace, got)
		assert.Equal(t, c.decided, r.Decided)
	}
}

func TestTracestate(t *testing.T) {
	const tp = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for in, want := range map[string]string{
		"a=1,b=2": "a=1,b=2", "": "", "a=\x01": "", "a=" + strings.Repeat("x", 511): "", "a=\xff": "",
	} {
		r := parseContext(&http1.Exchange{Traceparent: []byte(tp), Tracestate: []byte(in)})
		assert.Equal(t, want, string(r.State))
	}
}

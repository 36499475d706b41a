// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"bytes"
	"encoding/hex"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
)

// parseContext reads W3C Trace Context, else B3 in its single, else in its
// several headers. What is not well-formed counts as absent.
func parseContext(ex *http1.Exchange) (r tracing.Remote) {
	if ex.Traceparent != nil && r.Traceparent(ex.Traceparent) {
		if tracing.ValidTracestate(ex.Tracestate) {
			r.State = ex.Tracestate
		}
		return r
	}
	if ex.B3 != nil {
		b3(&r, ex.B3)
		return r
	}
	if ex.B3TraceID != nil || ex.B3Sampled != nil || ex.B3Flags != nil {
		ids(&r, ex.B3TraceID, ex.B3SpanID)
		r.Decided = b3Sampled(ex.B3Sampled)
		if string(ex.B3Flags) == "1" {
			r.Decided = tracing.Keep
		}
	}
	return r
}

// b3 reads the single header: {trace}-{span}[-{sampled}[-{parent}]] or {sampled}.
func b3(r *tracing.Remote, b []byte) {
	trace, rest, found := bytes.Cut(b, []byte{'-'})
	if !found {
		r.Decided = b3Sampled(b)
		return
	}
	span, rest, found := bytes.Cut(rest, []byte{'-'})
	ids(r, trace, span)
	if found {
		sampled, _, _ := bytes.Cut(rest, []byte{'-'})
		r.Decided = b3Sampled(sampled)
	}
}

// ids reads a trace ID of 16 or 32 digits and a span ID.
func ids(r *tracing.Remote, trace, span []byte) {
	if len(span) != 16 || len(trace) != 16 && len(trace) != 32 {
		return
	}
	var t [16]byte
	var s [8]byte
	if _, err := hex.Decode(t[16-len(trace)/2:], trace); err != nil {
		return
	}
	if _, err := hex.Decode(s[:], span); err != nil {
		return
	}
	if t != [16]byte{} && s != [8]byte{} {
		r.TraceID, r.SpanID, r.Valid = t, s, true
	}
}

func b3Sampled(b []byte) tracing.Decision {
	switch string(b) {
	case "1", "d", "true":
		return tracing.Keep
	case "0", "false":
		return tracing.Drop
	default:
		return tracing.Undecided
	}
}

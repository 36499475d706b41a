// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"bytes"
	"encoding/hex"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
)

// decision is what a request's headers say of sampling.
type decision uint8

const (
	undecided decision = iota
	drop
	keep
)

// remote is the trace context in a request's headers.
type remote struct {
	traceID [16]byte
	spanID  [8]byte
	// valid tells that the IDs are. A decision may come without (B3 "0").
	valid   bool
	decided decision
	state   []byte // tracestate as sent
}

// parseContext reads W3C Trace Context, else B3 in its single, else in its
// several headers. What is not well-formed counts as absent.
func parseContext(ex *http1.Exchange) (r remote) {
	if ex.Traceparent != nil && r.traceparent(ex.Traceparent) {
		if validTracestate(ex.Tracestate) {
			r.state = ex.Tracestate
		}
		return r
	}
	if ex.B3 != nil {
		r.b3(ex.B3)
		return r
	}
	if ex.B3TraceID != nil || ex.B3Sampled != nil || ex.B3Flags != nil {
		r.ids(ex.B3TraceID, ex.B3SpanID)
		r.decided = b3Sampled(ex.B3Sampled)
		if string(ex.B3Flags) == "1" {
			r.decided = keep
		}
	}
	return r
}

// traceparent: W3C Trace Context level 2, section 3.2.
func (r *remote) traceparent(b []byte) bool {
	const length = 55 // 00-<32>-<16>-<2>
	if len(b) < length || b[2] != '-' || b[35] != '-' || b[52] != '-' {
		return false
	}
	var version, flags [1]byte
	if !lowerHex(version[:], b[:2]) || !lowerHex(flags[:], b[53:55]) || version[0] == 0xff {
		return false
	}
	if len(b) > length && (version[0] == 0 || b[length] != '-') {
		return false
	}
	var trace [16]byte
	var span [8]byte
	if !lowerHex(trace[:], b[3:35]) || !lowerHex(span[:], b[36:52]) || trace == [16]byte{} || span == [8]byte{} {
		return false
	}
	r.traceID, r.spanID, r.valid, r.decided = trace, span, true, drop
	if flags[0]&1 != 0 {
		r.decided = keep
	}
	return true
}

// b3 reads the single header: {trace}-{span}[-{sampled}[-{parent}]] or {sampled}.
func (r *remote) b3(b []byte) {
	trace, rest, found := bytes.Cut(b, []byte{'-'})
	if !found {
		r.decided = b3Sampled(b)
		return
	}
	span, rest, found := bytes.Cut(rest, []byte{'-'})
	r.ids(trace, span)
	if found {
		sampled, _, _ := bytes.Cut(rest, []byte{'-'})
		r.decided = b3Sampled(sampled)
	}
}

// ids reads a trace ID of 16 or 32 digits and a span ID.
func (r *remote) ids(trace, span []byte) {
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
		r.traceID, r.spanID, r.valid = t, s, true
	}
}

func b3Sampled(b []byte) decision {
	switch string(b) {
	case "1", "d", "true":
		return keep
	case "0", "false":
		return drop
	default:
		return undecided
	}
}

// lowerHex decodes b, whose digits must be in lower case.
func lowerHex(dst, b []byte) bool {
	for i := range dst {
		hi, lo := hexDigit(b[2*i]), hexDigit(b[2*i+1])
		if hi > 15 || lo > 15 {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	default:
		return 0xff
	}
}

// validTracestate checks length and characters (section 3.3); the members stay opaque.
func validTracestate(b []byte) bool {
	if len(b) > 512 {
		return false
	}
	for _, c := range b {
		if c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	return len(b) > 0
}

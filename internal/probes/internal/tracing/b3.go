// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"bytes"
	"encoding/hex"
)

// B3 reads the single header of that name into r: {trace}-{span}[-{sampled}[-{parent}]] or
// {sampled} (https://github.com/openzipkin/b3-propagation).
func (r *Remote) B3(b []byte) {
	trace, rest, found := bytes.Cut(b, []byte{'-'})
	if !found {
		r.Decided = b3Sampled(b)
		return
	}
	span, rest, found := bytes.Cut(rest, []byte{'-'})
	r.b3IDs(trace, span)
	if found {
		sampled, _, _ := bytes.Cut(rest, []byte{'-'})
		r.Decided = b3Sampled(sampled)
	}
}

// B3Headers reads the values of the headers X-B3-TraceId, X-B3-SpanId, X-B3-Sampled and
// X-B3-Flags, nil for one that is absent.
func (r *Remote) B3Headers(trace, span, sampled, flags []byte) {
	r.b3IDs(trace, span)
	r.Decided = b3Sampled(sampled)
	if string(flags) == "1" {
		r.Decided = Keep
	}
}

// b3IDs reads a trace ID of 16 or 32 digits and a span ID.
func (r *Remote) b3IDs(trace, span []byte) {
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

func b3Sampled(b []byte) Decision {
	switch string(b) {
	case "1", "d", "true":
		return Keep
	case "0", "false":
		return Drop
	default:
		return Undecided
	}
}

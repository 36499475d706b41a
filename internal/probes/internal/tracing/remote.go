// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import "github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"

// Decision is what is known of the sampling of a trace.
type Decision = segment.Decision

// The decisions.
const (
	Undecided = segment.Undecided
	Drop      = segment.Drop
	Keep      = segment.Keep
)

// Remote is the trace context that a message carries.
type Remote struct {
	TraceID [16]byte
	SpanID  [8]byte
	// Valid tells that the IDs are. A decision may come without (B3 "0").
	Valid   bool
	Decided Decision
	// State is the tracestate as sent. It is valid as long as the message is.
	State []byte
}

// Says tells that the message says anything of its trace.
func (r *Remote) Says() bool { return r.Valid || r.Decided != Undecided }

// Traceparent reads the field of that name (W3C Trace Context level 2, section
// 3.2) into r and tells whether it is well-formed.
func (r *Remote) Traceparent(b []byte) bool {
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
	r.TraceID, r.SpanID, r.Valid, r.Decided = trace, span, true, Drop
	if flags[0]&1 != 0 {
		r.Decided = Keep
	}
	return true
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

// ValidTracestate checks length and characters (section 3.3); the members stay opaque.
func ValidTracestate(b []byte) bool {
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

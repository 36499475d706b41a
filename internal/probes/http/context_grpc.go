// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"encoding/base64"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
)

// grpcTraceBin reads grpc-trace-bin, OpenCensus' binary context ("BinaryEncoding" of its
// specification): version 0, then fields of a number and a fixed length, 0 the trace's
// ID, 1 the span's, 2 the options, of which bit 0 says that the trace is sampled.
func grpcTraceBin(r *tracing.Remote, value []byte) {
	const traceAt, spanAt, optionsAt, size = 1, 18, 27, 29
	for len(value) > 0 && value[len(value)-1] == '=' {
		value = value[:len(value)-1]
	}
	var b [size]byte
	if base64.RawStdEncoding.DecodedLen(len(value)) != size {
		return
	}
	if _, err := base64.RawStdEncoding.Decode(b[:], value); err != nil {
		return
	}
	if b[0] != 0 || b[traceAt] != 0 || b[spanAt] != 1 || b[optionsAt] != 2 {
		return
	}
	trace, span := [16]byte(b[traceAt+1:]), [8]byte(b[spanAt+1:])
	if trace == [16]byte{} || span == [8]byte{} {
		return
	}
	r.TraceID, r.SpanID, r.Valid, r.Decided = trace, span, true, tracing.Drop
	if b[optionsAt+1]&1 != 0 {
		r.Decided = tracing.Keep
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
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
		r.B3(ex.B3)
		return r
	}
	if ex.B3TraceID != nil || ex.B3Sampled != nil || ex.B3Flags != nil {
		r.B3Headers(ex.B3TraceID, ex.B3SpanID, ex.B3Sampled, ex.B3Flags)
	}
	return r
}

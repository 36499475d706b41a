// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"bytes"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http2"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// upgradeField names the response's field that tells what the connection speaks from then
// on. It is captured behind those of the configuration.
const upgradeField = "upgrade"

// upgrade goes on with HTTP/2 when a response says so (RFC 7540 section 3.2). The request
// that asked for it is then answered on stream 1 and is counted there.
func (h *handler) upgrade(ex *http1.Exchange) bool {
	if ex.Status != 101 || !h.isH2C(ex.ResponseHeaders) {
		return false
	}
	next := h.p.second.Open(h.conn).(*handler2)
	next.setRole(h.peer.Role)
	request := http2.Exchange{
		Method: ex.Method, Scheme: []byte("http"), Authority: ex.Host, Path: ex.Target, UserAgent: ex.UserAgent,
		Traceparent: ex.Traceparent, Tracestate: ex.Tracestate, B3: ex.B3, B3TraceID: ex.B3TraceID, B3SpanID: ex.B3SpanID,
		B3ParentSpanID: ex.B3ParentSpanID, B3Sampled: ex.B3Sampled, B3Flags: ex.B3Flags, RequestContentType: ex.RequestContentType,
		RequestBodySize: ex.RequestBodySize, RequestStart: ex.RequestStart, RequestEnd: ex.RequestEnd,
		RequestTag: ex.RequestTag, RequestHeadCut: ex.RequestHeadCut,
	}
	for _, v := range ex.RequestHeaders {
		request.RequestHeaders = append(request.RequestHeaders, http2.HeaderValue(v))
	}
	next.parser.Upgrade(&request)
	h.next = next
	return true
}

func (h *handler) isH2C(fields []http1.HeaderValue) bool {
	for _, f := range fields {
		if f.Index == len(h.p.cfg.CaptureHeaders.Response) && bytes.EqualFold(f.Value, []byte("h2c")) {
			return true
		}
	}
	return false
}

// afterUpgrade gives what follows the end of the response's head in its last segment to
// HTTP/2.
func (h *handler) afterUpgrade(s *stream.Segment) {
	rest := *s
	i := bytes.Index(s.Data, []byte("\r\n\r\n"))
	if i < 0 { // the end of the head came in pieces: what follows begins in a segment of its own
		return
	}
	i += 4
	rest.Data, rest.Len, rest.Seq = s.Data[i:], s.Len-int64(i), s.Seq+uint32(i)
	if rest.Len > 0 {
		h.next.Segment(&rest)
	}
}

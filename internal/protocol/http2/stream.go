// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import "bytes"

// span is a part of stream.buf. A zero off means absent: buf begins with a spare byte.
type span struct{ off, len uint32 }

// value names what is kept of a stream until its exchange is emitted.
type value uint8

const (
	valResponseContentType = value(fieldGRPCStatus) // values below are named by their field
	valGRPCMessage         = value(fieldGRPCMessage)
	numValues              = valGRPCMessage + 1
)

type captured struct {
	span
	index int32
	dir   Direction
}

// stream is an open stream: a request, and its response as far as it came.
type stream struct {
	id       uint32
	buf      []byte
	captured []captured
	val      [numValues]span

	start, end [2]uint64 // of the request, of the final response
	body       [2]int64
	messages   [2]messages
	tag        [2]Tag
	unknown    [2]uint32
	active     uint64 // last frame, or the loss that touched it

	status     uint16
	grpcStatus uint32

	statusKnown, grpcStatusKnown bool
	grpc, connect, pushed        bool
	upgraded                     bool
	reset                        Reset
	resetCode                    uint32
	resetCodeKnown               bool
	headSeen                     bool    // of the final response, maybe without its status
	headCut                      [2]bool // not all header fields were seen
	ended                        [2]bool // END_STREAM passed
	sizeLost                     [2]bool
	// lost: a hole may have hidden frames of that direction.
	lost [2]bool
	// waits: may be over, and is looked at by the sweep.
	waits bool
}

// keepBuf is the largest buffer kept for the next stream.
const keepBuf = 2 << 10

func (c *Config) newStream() *stream {
	n := len(c.free)
	if n == 0 {
		return &stream{buf: make([]byte, 1, 256)}
	}
	s := c.free[n-1]
	c.free = c.free[:n-1]
	return s
}

// freeStream keeps the record for reuse, without what it held.
func (c *Config) freeStream(s *stream) {
	if len(c.free) >= maxFree || cap(s.buf) > keepBuf || cap(s.captured) > maxCaptured/4 {
		return
	}
	*s = stream{buf: s.buf[:1], captured: s.captured[:0]}
	c.free = append(c.free, s)
}

func (s *stream) put(b []byte) span {
	at := span{uint32(len(s.buf)), uint32(len(b))}
	s.buf = append(s.buf, b...)
	return at
}

func (s *stream) slice(at span) []byte { return s.buf[at.off : at.off+at.len : at.off+at.len] }

func (s *stream) get(v value) []byte {
	if at := s.val[v]; at.off != 0 && at.off != invalidOff {
		return s.slice(at)
	}
	return nil
}

func (s *stream) setOnce(v value, b []byte) {
	if s.val[v].off == 0 {
		s.val[v] = s.put(b)
	}
}

// invalidOff marks a value that was sent twice with different content, or is no such value.
const invalidOff = ^uint32(0)

// maxSame bounds the values that are compared.
const maxSame = 256

func (s *stream) setSame(v value, b []byte) {
	switch old := s.val[v]; {
	case len(b) > maxSame:
		s.val[v].off = invalidOff
	case old.off == 0:
		s.val[v] = s.put(b)
	case old.off != invalidOff && !bytes.Equal(s.slice(old), b):
		s.val[v].off = invalidOff
	}
}

// join appends a further line of a list (RFC 9110 section 5.3).
func (s *stream) join(v value, b []byte) {
	old := s.val[v]
	if old.off == 0 {
		s.val[v] = s.put(b)
		return
	}
	if int(old.off+old.len) != len(s.buf) {
		s.val[v] = s.put(s.slice(old))
	}
	s.buf = append(append(s.buf, ','), b...)
	s.val[v].len += uint32(1 + len(b))
}

// dropResponseHead forgets the header of what turned out to be an interim response.
func (s *stream) dropResponseHead() {
	s.val[valResponseContentType] = span{}
	keep := s.captured[:0]
	for _, h := range s.captured {
		if h.dir == Request {
			keep = append(keep, h)
		}
	}
	s.captured = keep
}

// fill copies s into the exchange; its slices point into s.
func (s *stream) fill(e *Exchange) {
	reqH, respH := e.RequestHeaders[:0], e.ResponseHeaders[:0]
	for _, h := range s.captured {
		v := HeaderValue{int(h.index), s.slice(h.span)}
		if h.dir == Request {
			reqH = append(reqH, v)
		} else {
			respH = append(respH, v)
		}
	}
	*e = Exchange{StreamID: s.id, RequestHeaders: reqH, ResponseHeaders: respH}
	e.Method, e.Scheme, e.Authority, e.Path = s.get(value(fieldMethod)), s.get(value(fieldScheme)), s.get(value(fieldAuthority)), s.get(value(fieldPath))
	e.Protocol, e.Host, e.UserAgent = s.get(value(fieldProtocol)), s.get(value(fieldHost)), s.get(value(fieldUserAgent))
	e.Traceparent, e.Tracestate = s.get(value(fieldTraceparent)), s.get(value(fieldTracestate))
	e.B3, e.B3TraceID, e.B3SpanID = s.get(value(fieldB3)), s.get(value(fieldB3TraceID)), s.get(value(fieldB3SpanID))
	e.B3ParentSpanID, e.B3Sampled, e.B3Flags = s.get(value(fieldB3ParentSpanID)), s.get(value(fieldB3Sampled)), s.get(value(fieldB3Flags))
	e.GRPCTraceBin, e.GRPCMessage = s.get(value(fieldGRPCTraceBin)), s.get(valGRPCMessage)
	e.RequestContentType, e.ResponseContentType = s.get(value(fieldContentType)), s.get(valResponseContentType)
	e.Status, e.StatusKnown = s.status, s.statusKnown
	e.GRPC, e.GRPCStatus, e.GRPCStatusKnown = s.grpc, s.grpcStatus, s.grpcStatusKnown
	e.RequestMessages, e.ResponseMessages = s.messageCount(Request), s.messageCount(Response)
	e.RequestBodySize, e.ResponseBodySize = s.bodySize(Request), s.bodySize(Response)
	e.RequestStart, e.RequestEnd = s.start[Request], s.end[Request]
	e.ResponseStart, e.ResponseEnd = s.start[Response], s.end[Response]
	e.RequestTag, e.ResponseTag = s.tag[Request], s.tag[Response]
	e.RequestHeadCut, e.ResponseHeadCut = s.headCut[Request], s.headCut[Response]
	e.RequestUnknown, e.ResponseUnknown = s.unknown[Request], s.unknown[Response]
	e.Upgraded, e.Pushed = s.upgraded, s.pushed
	e.Reset, e.ResetCode, e.ResetCodeKnown = s.reset, s.resetCode, s.resetCodeKnown
	if s.grpc {
		e.GRPCService, e.GRPCMethod = splitPath(e.Path)
	}
}

func (s *stream) bodySize(d Direction) int64 {
	if s.sizeLost[d] || s.lost[d] || d == Response && !s.headSeen {
		return -1
	}
	return s.body[d]
}

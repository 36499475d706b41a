// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "bytes"

// value names what is kept of a message until its exchange is emitted.
type value uint8

const (
	valMethod value = iota
	valTarget
	valHost
	valUserAgent
	valTraceparent
	valTracestate
	valB3
	valB3TraceID
	valB3SpanID
	valB3ParentSpanID
	valB3Sampled
	valB3Flags
	valRequestContentType
	valResponseContentType
	numValues
)

// span is a part of pending.buf. The method stands at offset 0, so for all else a zero
// offset means absent.
type span struct{ off, len uint32 }

type captured struct {
	span
	index int32
	dir   Direction
}

// pending is a request that waits for its response, and the response as far as it came.
type pending struct {
	buf      []byte
	captured []captured
	val      [numValues]span

	reqStart, reqEnd, respStart, respEnd uint64
	reqSize, respSize                    int64
	reqTag, respTag                      Tag

	status              uint16
	reqMinor, respMinor uint8

	statusKnown, responded         bool
	targetCut, reqHeadCut, respCut bool
	reqLost, respLost              bool // framing lost: size unknown
	head, connect, bodyless        bool
	expect, upgraded               bool
	reqCloses, reqKeeps            bool
	respCloses, respKeeps          bool
}

// keepBuf is the largest buffer kept for the next request.
const keepBuf = 8 << 10

func (pd *pending) reset() {
	buf, caps := pd.buf[:0], pd.captured[:0]
	if cap(buf) > keepBuf {
		buf = nil
	}
	if cap(caps) > maxCaptured/4 {
		caps = nil
	}
	*pd = pending{buf: buf, captured: caps}
}

func (pd *pending) put(b []byte) span {
	s := span{uint32(len(pd.buf)), uint32(len(b))}
	pd.buf = append(pd.buf, b...)
	return s
}

func (pd *pending) get(v value) []byte {
	if v != valMethod && pd.val[v].off == 0 {
		return nil
	}
	return pd.slice(pd.val[v])
}

func (pd *pending) slice(s span) []byte { return pd.buf[s.off : s.off+s.len : s.off+s.len] }

func (pd *pending) setOnce(v value, b []byte) {
	if pd.val[v].off == 0 {
		pd.val[v] = pd.put(b)
	}
}

// invalidOff marks a value that was sent twice with different content.
const invalidOff = ^uint32(0)

func (pd *pending) setSame(v value, b []byte) {
	switch old := pd.val[v]; {
	case old.off == 0:
		pd.val[v] = pd.put(b)
	case old.off != invalidOff && !bytes.Equal(pd.slice(old), b):
		pd.val[v].off = invalidOff
	}
}

// join appends a further line of a list (RFC 9110 section 5.3).
func (pd *pending) join(v value, b []byte) {
	old := pd.val[v]
	if old.off == 0 {
		pd.val[v] = pd.put(b)
		return
	}
	if int(old.off+old.len) != len(pd.buf) {
		pd.val[v] = pd.put(pd.slice(old))
	}
	pd.buf = append(append(pd.buf, ','), b...)
	pd.val[v].len += uint32(1 + len(b))
}

func (pd *pending) capture(c *Config, d Direction, index int, b []byte) {
	if len(pd.captured) >= maxCaptured {
		c.stats.HeadersNotKept++
		return
	}
	pd.captured = append(pd.captured, captured{pd.put(b), int32(index), d})
}

// fill copies pd into the exchange; its slices point into pd.
func (pd *pending) fill(e *Exchange) {
	reqH, respH := e.RequestHeaders[:0], e.ResponseHeaders[:0]
	for _, h := range pd.captured {
		v := HeaderValue{int(h.index), pd.slice(h.span)}
		if h.dir == Request {
			reqH = append(reqH, v)
		} else {
			respH = append(respH, v)
		}
	}
	if pd.val[valTraceparent].off == invalidOff {
		pd.val[valTraceparent].off = 0
	}
	*e = Exchange{
		Method: pd.get(valMethod), Target: pd.get(valTarget), TargetTruncated: pd.targetCut,
		Host: pd.get(valHost), UserAgent: pd.get(valUserAgent),
		Traceparent: pd.get(valTraceparent), Tracestate: pd.get(valTracestate),
		B3: pd.get(valB3), B3TraceID: pd.get(valB3TraceID), B3SpanID: pd.get(valB3SpanID),
		B3ParentSpanID: pd.get(valB3ParentSpanID), B3Sampled: pd.get(valB3Sampled), B3Flags: pd.get(valB3Flags),
		RequestContentType: pd.get(valRequestContentType), ResponseContentType: pd.get(valResponseContentType),
		RequestHeaders: reqH, ResponseHeaders: respH,
		RequestMinor: pd.reqMinor, ResponseMinor: pd.respMinor, Status: pd.status, StatusKnown: pd.statusKnown,
		RequestBodySize: pd.reqSize, ResponseBodySize: pd.respSize,
		RequestStart: pd.reqStart, RequestEnd: pd.reqEnd, ResponseStart: pd.respStart, ResponseEnd: pd.respEnd,
		RequestTag: pd.reqTag, ResponseTag: pd.respTag,
		RequestHeadCut: pd.reqHeadCut, ResponseHeadCut: pd.respCut,
		KeepAlive: pd.keepAlive(), Upgraded: pd.upgraded,
	}
	if pd.reqLost {
		e.RequestBodySize = -1
	}
	if pd.respLost || !pd.statusKnown {
		e.ResponseBodySize = -1
	}
}

func (pd *pending) keepAlive() bool {
	if !pd.statusKnown || pd.reqHeadCut || pd.respCut || pd.reqCloses || pd.respCloses {
		return false
	}
	return (pd.reqMinor >= 1 || pd.reqKeeps) && (pd.respMinor >= 1 || pd.respKeeps)
}

// queue is a ring of pending requests, oldest first.
type queue struct {
	ring    []pending // length a power of two
	head, n int
	bytes   int // buffered by the n entries
}

// keepRing is the largest ring kept when the queue runs empty.
const keepRing = 128

func (q *queue) at(i int) *pending { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *queue) tail() *pending { return q.at(q.n - 1) }

// next returns the slot behind the tail, reset. It may move all entries.
func (q *queue) next() *pending {
	switch {
	case q.n == 0 && len(q.ring) > keepRing:
		q.ring, q.head = make([]pending, 1), 0
	case q.n == len(q.ring):
		ring := make([]pending, max(1, 2*len(q.ring)))
		for i := range q.n {
			ring[i] = *q.at(i)
		}
		q.ring, q.head = ring, 0
	}
	pd := q.at(q.n)
	pd.reset()
	return pd
}

// push makes the slot that next returned an entry.
func (q *queue) push() {
	q.n++
	q.bytes += len(q.tail().buf)
}

func (q *queue) pop() {
	q.bytes -= len(q.at(0).buf)
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
}

// cut drops all but the first keep entries. The slot that next returned stays the next one
// when all are dropped.
func (q *queue) cut(keep int) {
	for keep == 0 && q.n > 0 {
		q.pop()
	}
	for q.n > keep {
		q.bytes -= len(q.tail().buf)
		q.n--
	}
}

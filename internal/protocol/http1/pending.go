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

// fill copies pd into the exchange, all but its Outcome, Reason and End; its slices
// point into pd. It sets field by field: a literal would be made aside and copied.
func (pd *pending) fill(e *Exchange) {
	e.Method, e.Target, e.TargetTruncated = pd.get(valMethod), pd.get(valTarget), pd.targetCut
	e.Host, e.UserAgent = pd.get(valHost), pd.get(valUserAgent)
	pd.fillContext(e)
	e.RequestContentType, e.ResponseContentType = pd.get(valRequestContentType), pd.get(valResponseContentType)
	e.RequestHeaders, e.ResponseHeaders = e.RequestHeaders[:0], e.ResponseHeaders[:0]
	for _, h := range pd.captured {
		v := HeaderValue{int(h.index), pd.slice(h.span)}
		if h.dir == Request {
			e.RequestHeaders = append(e.RequestHeaders, v)
		} else {
			e.ResponseHeaders = append(e.ResponseHeaders, v)
		}
	}
	e.RequestMinor, e.ResponseMinor, e.Status, e.StatusKnown = pd.reqMinor, pd.respMinor, pd.status, pd.statusKnown
	e.RequestStart, e.RequestEnd = pd.reqStart, pd.reqEnd
	e.ResponseStart, e.ResponseEnd = pd.respStart, pd.respEnd
	e.RequestTag, e.ResponseTag = pd.reqTag, pd.respTag
	e.RequestHeadCut, e.ResponseHeadCut = pd.reqHeadCut, pd.respCut
	e.KeepAlive, e.Upgraded = pd.keepAlive(), pd.upgraded
	e.RequestBodySize, e.ResponseBodySize = pd.reqSize, pd.respSize
	if pd.reqLost {
		e.RequestBodySize = -1
	}
	if pd.respLost || !pd.statusKnown {
		e.ResponseBodySize = -1
	}
}

// fillContext copies the trace context, which most requests do not have.
func (pd *pending) fillContext(e *Exchange) {
	const first, after = valTraceparent, valB3Flags + 1
	if [after - first]span(pd.val[first:after]) == [after - first]span{} {
		if e.traced {
			e.Traceparent, e.Tracestate = nil, nil
			e.B3, e.B3TraceID, e.B3SpanID, e.B3ParentSpanID, e.B3Sampled, e.B3Flags = nil, nil, nil, nil, nil, nil
			e.traced = false
		}
		return
	}
	if pd.val[valTraceparent].off == invalidOff {
		pd.val[valTraceparent].off = 0
	}
	e.traced = true
	e.Traceparent, e.Tracestate = pd.get(valTraceparent), pd.get(valTracestate)
	e.B3, e.B3TraceID, e.B3SpanID = pd.get(valB3), pd.get(valB3TraceID), pd.get(valB3SpanID)
	e.B3ParentSpanID, e.B3Sampled, e.B3Flags = pd.get(valB3ParentSpanID), pd.get(valB3Sampled), pd.get(valB3Flags)
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

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import "bytes"

// clientPreface begins a client's stream of bytes (RFC 9113 section 3.4).
const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// side is one direction.
type side struct {
	synced  bool  // the next byte's place in the framing is known
	blind   bool  // bytes passed unseen since the side was last synced
	seen    bool  // bytes passed, or a hole
	preface uint8 // bytes of the client preface still to come

	frame frame
	block block
	buf   []byte // a frame header or payload that came in pieces

	// What the receiver of this side allows: the largest that its settings named.
	maxFrame, maxTable uint32
	table              table
}

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg     *Config
	emit    func(*Exchange)
	side    [2]side
	streams []openStream // in the order of their IDs
	recent  *stream      // last found
	bytes   int          // kept for open streams

	maxID     uint32 // highest stream opened by the client
	idsKnown  bool   // a higher one can only be a new request
	refuse    uint32 // streams above were not processed (GOAWAY)
	waiting   int    // streams with waits set
	nextSweep uint64

	now struct { // the segment at hand; zero for lost bytes
		start, end uint64
		tag        Tag
	}
	clock uint64 // last time known
	done  bool
}

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment, Skip, EOF, Close and Idle; emit must not call it back.
func (c *Config) NewParser(emit func(*Exchange)) *Parser {
	p := &Parser{cfg: c, emit: emit}
	p.begin()
	return p
}

func (p *Parser) begin() {
	p.refuse = ^uint32(0)
	for d := range p.side {
		sd := &p.side[d]
		*sd = side{buf: reusable(sd.buf), block: block{buf: reusable(sd.block.buf)}, table: sd.table, maxFrame: defaultMaxFrame}
		sd.table.reset(false)
	}
}

func reusable(b []byte) []byte {
	if cap(b) > keepBuf {
		return nil
	}
	return b[:0]
}

// Reset makes the parser ready for another connection. Requests that are still pending
// end as with Close(CloseEvicted).
func (p *Parser) Reset() {
	p.Close(CloseEvicted, 0)
	*p = Parser{cfg: p.cfg, emit: p.emit, streams: p.streams, side: p.side}
	p.begin()
}

// Opened says, before the first Segment, that the connection is seen from its beginning: it
// begins with the client preface, and no field has entered a dynamic table yet.
func (p *Parser) Opened() {
	p.side[Request].synced, p.side[Request].preface = true, uint8(len(clientPreface))
	p.side[Response].synced = true
	for d := range p.side {
		p.side[d].table.reset(true)
	}
}

// Upgrade starts a connection that HTTP/1.1 handed over (h2c, RFC 7540 section 3.2): the
// first bytes of either direction are those after the 101 response, and stream 1 is open
// with the request that asked for it. Of req the request's fields, sizes, times and tag are
// copied. It must be called before any byte.
func (p *Parser) Upgrade(req *Exchange) {
	p.side[Request].synced, p.side[Request].preface = true, uint8(len(clientPreface))
	p.side[Response].synced = true
	for d := range p.side {
		p.side[d].table.reset(true)
	}
	p.side[Response].table.limit = 0 // what HTTP2-Settings said is not known here
	st := p.cfg.newStream()
	st.id = 1
	for v, b := range map[field][]byte{
		fieldMethod: req.Method, fieldScheme: req.Scheme, fieldAuthority: req.Authority, fieldPath: req.Path, fieldHost: req.Host,
		fieldUserAgent: req.UserAgent, fieldTraceparent: req.Traceparent, fieldTracestate: req.Tracestate, fieldB3: req.B3,
		fieldB3TraceID: req.B3TraceID, fieldB3SpanID: req.B3SpanID, fieldB3ParentSpanID: req.B3ParentSpanID,
		fieldB3Sampled: req.B3Sampled, fieldB3Flags: req.B3Flags, fieldContentType: req.RequestContentType,
	} {
		if b != nil {
			st.setOnce(value(v), b)
		}
	}
	for _, h := range req.RequestHeaders {
		if len(st.captured) < maxCaptured {
			st.captured = append(st.captured, captured{st.put(h.Value), int32(h.Index), Request})
		}
	}
	st.start[Request], st.end[Request], st.tag[Request] = req.RequestStart, req.RequestEnd, req.RequestTag
	st.body[Request], st.sizeLost[Request] = req.RequestBodySize, req.RequestBodySize < 0
	st.headCut[Request], st.ended[Request] = req.RequestHeadCut, true
	p.maxID, p.idsKnown = 1, true
	p.open(st)
}

// Done reports that no further bytes are of interest: closed.
func (p *Parser) Done() bool { return p.done }

// Pending is the number of requests that wait for the end of their response.
func (p *Parser) Pending() int { return len(p.streams) }

// Segment takes the next bytes of a direction.
func (p *Parser) Segment(d Direction, s *Segment) {
	if p.done || d > Response || s.Len <= 0 && len(s.Data) == 0 {
		return
	}
	sd := &p.side[d]
	p.now.start, p.now.end, p.now.tag = s.Start, s.End, s.Tag
	if s.End > p.clock {
		p.clock = s.End
		if p.waiting > 0 && s.End >= p.nextSweep {
			p.sweep(s.End)
		}
	}
	hole := max(0, s.Len-int64(len(s.Data)))
	tail := s.Last[:min(int(s.LastLen), len(s.Last))]
	if int64(len(tail)) > hole {
		tail = tail[int64(len(tail))-hole:]
	}
	hole -= int64(len(tail))
	if !sd.synced {
		p.resync(d, s.Data)
	}
	sd.seen = true
	p.feed(d, s.Data)
	if hole > 0 {
		p.hole(d, hole)
	}
	p.feed(d, tail)
}

// resyncIDs is how far stream IDs may have gone on while a direction was not followed.
const resyncIDs = 1 << 20

// resync takes up a direction at the start of a segment, if it looks like frames.
func (p *Parser) resync(d Direction, b []byte) {
	sd := &p.side[d]
	if d == Request && len(b) > 0 {
		n := min(len(b), len(clientPreface))
		if string(b[:n]) == clientPreface[:n] && (n == len(clientPreface) || !sd.seen) {
			sd.synced, sd.preface, sd.blind = true, uint8(len(clientPreface)), false
			return
		}
	}
	maxID := uint32(1<<31 - 1)
	if p.maxID > 0 && p.maxID < maxID-resyncIDs {
		maxID = p.maxID + resyncIDs
	}
	if plausible(b, d, sd.maxFrame, maxID) {
		if sd.blind {
			p.cfg.stats.Resyncs++
		}
		sd.synced, sd.blind = true, false
	}
}

// Skip takes note of n bytes of a direction that were lost between segments.
func (p *Parser) Skip(d Direction, n int64) {
	if p.done || d > Response || n <= 0 {
		return
	}
	p.now.start, p.now.end, p.now.tag = 0, 0, Tag{}
	p.side[d].seen = true
	p.hole(d, n)
}

// EOF takes note of a FIN in a direction.
func (p *Parser) EOF(d Direction, ts uint64) {
	if p.done || d > Response {
		return
	}
	p.cutShort(d)
	if d == Response {
		p.flush(CloseNormal, ts)
	} else {
		for _, st := range p.sorted() {
			if st.ended[Response] {
				p.finish(st, Complete, CloseNone, ts)
			}
		}
	}
}

// Close ends the connection or its tracking: what is pending is emitted or counted.
func (p *Parser) Close(reason CloseReason, ts uint64) {
	if p.done {
		return
	}
	p.cutShort(Request)
	p.cutShort(Response)
	p.flush(reason, ts)
	p.done = true
}

// Idle says that no byte came for a while. It ends exchanges whose response is complete
// while the request never ended, and those that a hole touched long ago.
func (p *Parser) Idle(ts uint64) {
	if p.done || p.waiting == 0 {
		return
	}
	for _, st := range p.sorted() {
		if st.ended[Response] {
			p.finish(st, Complete, CloseNone, ts)
		}
	}
	p.sweep(ts)
}

func (p *Parser) feed(d Direction, b []byte) {
	sd := &p.side[d]
	for len(b) > 0 && sd.synced {
		switch {
		case sd.preface > 0:
			b = p.prefaceBytes(b)
		case !sd.frame.open:
			b = p.frameHeader(d, b)
		default:
			b = p.payload(d, b)
		}
	}
	if len(b) > 0 {
		p.cfg.stats.SkippedBytes += uint64(len(b))
		p.lose(d)
	}
}

// prefaceBytes takes bytes of the client preface. It tells that the connection is seen from
// its beginning: no header block can have passed before.
func (p *Parser) prefaceBytes(b []byte) []byte {
	sd := &p.side[Request]
	n := min(len(b), int(sd.preface))
	if !bytes.Equal(b[:n], []byte(clientPreface[len(clientPreface)-int(sd.preface):][:n])) {
		p.cfg.stats.BadFrames++
		sd.preface = 0
		p.lose(Request)
		return b
	}
	sd.preface -= uint8(n)
	if sd.preface > 0 || len(p.streams) > 0 { // upgraded connections are known already
		return b[n:]
	}
	p.idsKnown, p.maxID = true, 0
	sd.table.reset(true)
	rs := &p.side[Response]
	sd.table.limit = max(defaultTable, sd.maxTable) // a server may send its settings first
	if rs.blind {
		sd.table.limit = 0
	}
	if !rs.block.seen {
		rs.table.reset(true)
		if !rs.seen {
			rs.synced = true
		}
	}
	return b[n:]
}

// hole passes n bytes that were not captured.
func (p *Parser) hole(d Direction, n int64) {
	sd := &p.side[d]
	if sd.synced && sd.frame.open {
		n -= p.payloadHole(d, n)
	}
	if n == 0 {
		return
	}
	p.cfg.stats.Gaps++
	p.cfg.stats.GapBytes += uint64(n)
	p.lose(d)
}

// lose gives up the framing of a direction until a segment starts with a frame.
func (p *Parser) lose(d Direction) {
	sd := &p.side[d]
	if sd.synced {
		p.cutShort(d)
	}
	sd.synced, sd.preface = false, 0
	if sd.blind {
		return
	}
	sd.blind = true
	p.loseTable(d)
	p.side[1-d].table.limit = 0 // settings may have been lost
	if d == Request {
		p.idsKnown = false
	}
	for _, st := range p.sorted() {
		p.touch(st, d)
	}
}

func (p *Parser) loseTable(d Direction) {
	p.side[d].table.damage()
	p.cfg.stats.TableLosses++
}

// touch notes that a hole may have hidden frames of an open stream.
func (p *Parser) touch(st *stream, d Direction) {
	if st.ended[d] || st.lost[d] {
		return
	}
	st.lost[d] = true
	if d == Response {
		st.active = p.clock
		p.wait(st)
	} else if st.ended[Response] {
		p.finish(st, Complete, CloseNone, p.clock)
	}
}

// sorted returns the open streams in the order of their IDs; valid until its next call.
func (p *Parser) sorted() []*stream {
	list := p.cfg.order[:0]
	for _, o := range p.streams {
		list = append(list, o.st)
	}
	p.cfg.order = list
	return list
}

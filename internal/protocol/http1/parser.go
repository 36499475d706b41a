// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

type state uint8

const (
	stStart     state = iota // a message starts here, or (not synced) we look for one
	stHead                   // part of a header section is in stream.buf
	stFixed                  // remain bytes of body
	stClose                  // body until the connection ends
	stChunkSize              // in a chunk-size line, before its LF
	stChunkExt               // in the rest of that line
	stChunkData              // remain bytes of chunk
	stChunkEnd               // CRLF after the chunk
	stTrailer                // trailer section
	stLost                   // in a message whose end is not known
	stEnd                    // no bytes expected
)

// stream is one direction.
type stream struct {
	state    state
	synced   bool // stStart follows the proven end of a message
	soft     bool // a message start on a segment start ends the current message
	segStart bool // the bytes at hand stand at a segment's start
	turn     bool // the message began on a segment start after bytes of the other side
	lineOK   bool // the start line in buf is whole and valid
	line     lineState
	digits   uint8 // of the chunk size

	chunked bool // stLost: the message is known to be chunked
	noBody  bool // stLost: the message has no body
	weak    bool // stLost: the end was seen but is not proven
	tail    [8]byte
	tailLen uint8

	buf     []byte
	body    int64 // body bytes that passed
	remain  int64
	start   uint64
	lastEnd uint64 // end of the last segment, 0 after lost bytes
	tag     Tag
}

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg  *Config
	emit func(*Exchange)
	dir  [2]stream
	q    queue

	now struct { // the segment at hand; zero for lost bytes
		start, end uint64
		tag        Tag
	}
	last     Direction // of the last segment
	done     bool
	reqOpen  bool // the queue's tail is still being sent
	respOpen bool // the queue's head is being answered
	reqGap   bool // a request may have been missed since the last turn-around
	respGap  bool // a response may have been missed while the queue's head waited
	// ghosts are requests counted as dropped whose responses may still come; exact when
	// each surely has one response to come.
	ghosts      int
	ghostsExact bool
}

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment, Skip, EOF, Close and Idle; emit must not call it back.
func (c *Config) NewParser(emit func(*Exchange)) *Parser { return &Parser{cfg: c, emit: emit} }

// Reset makes the parser ready for another connection. Requests that are still pending
// end as with Close(CloseEvicted).
func (p *Parser) Reset() {
	p.Close(CloseEvicted, 0)
	*p = Parser{cfg: p.cfg, emit: p.emit, dir: [2]stream{{buf: p.dir[0].freeBuf()}, {buf: p.dir[1].freeBuf()}},
		q: queue{ring: p.q.ring}}
}

func (st *stream) freeBuf() []byte {
	if cap(st.buf) > keepBuf {
		return nil
	}
	return st.buf[:0]
}

// Opened says, before the first Segment, that the connection is seen from its beginning:
// its first bytes begin a request, of whatever method.
func (p *Parser) Opened() { p.dir[Request].synced, p.dir[Response].synced = true, true }

// Done reports that no further bytes are of interest: upgraded, tunnelled or closed.
func (p *Parser) Done() bool { return p.done }

// Pending is the number of requests that wait for the end of their response.
func (p *Parser) Pending() int { return p.q.n }

// Segment takes the next bytes of a direction.
func (p *Parser) Segment(d Direction, s *Segment) {
	if p.done || d > Response || s.Len <= 0 && len(s.Data) == 0 {
		return
	}
	st := &p.dir[d]
	p.now.start, p.now.end, p.now.tag = s.Start, s.End, s.Tag
	st.segStart, st.weak = true, false
	if st.soft && st.state > stHead && st.state < stEnd && p.startsMessage(d, s.Data) {
		p.abandon(d)
	}
	hole := max(0, s.Len-int64(len(s.Data)))
	tail := s.Last[:min(int(s.LastLen), len(s.Last))]
	if int64(len(tail)) > hole {
		tail = tail[int64(len(tail))-hole:]
	}
	hole -= int64(len(tail))
	p.feed(d, s.Data)
	if hole > 0 {
		p.hole(d, hole)
	}
	p.feed(d, tail)
	if st.state == stLost {
		p.proveEnd(d, s.Len == 5)
	}
	st.lastEnd = s.End
	p.last = d
}

// Skip takes note of n bytes of a direction that were lost between segments.
func (p *Parser) Skip(d Direction, n int64) {
	if p.done || d > Response || n <= 0 {
		return
	}
	p.now.start, p.now.end, p.now.tag = 0, 0, Tag{}
	p.dir[d].segStart = false
	p.dir[d].weak = false
	p.hole(d, n)
	p.dir[d].lastEnd = 0
	p.last = d
}

// EOF takes note of a FIN in a direction: it ends a body until close.
func (p *Parser) EOF(d Direction, ts uint64) {
	if p.done || d > Response {
		return
	}
	st := &p.dir[d]
	if d == Response {
		p.flush(CloseNormal, ts)
	} else {
		if st.state == stHead {
			p.cutHead(Request)
		}
		if p.reqOpen {
			p.closeRequest()
		}
	}
	st.state = stEnd
}

// Close ends the connection or its tracking: what is pending is emitted or counted.
func (p *Parser) Close(reason CloseReason, ts uint64) {
	if p.done {
		return
	}
	if p.dir[Request].state == stHead {
		p.cutHead(Request)
	}
	p.flush(reason, ts)
	p.done = true
}

// Idle says that no byte came for a while. It ends a response whose end Last showed
// without proving it.
func (p *Parser) Idle(uint64) {
	st := &p.dir[Response]
	if p.done || st.state != stLost || !st.weak {
		return
	}
	p.abandon(Response)
}

func (p *Parser) feed(d Direction, b []byte) {
	st := &p.dir[d]
	for len(b) > 0 && !p.done {
		switch st.state {
		case stStart:
			b = p.startHead(d, b)
		case stHead:
			b = p.moreHead(d, b)
		case stLost:
			st.pushTail(b)
			b = nil
		case stEnd:
			b = nil
		default:
			b = p.bodyBytes(d, b)
		}
		st.segStart = false
	}
}

// hole passes n bytes that were not captured.
func (p *Parser) hole(d Direction, n int64) {
	st := &p.dir[d]
	if n = p.bodyHole(d, n); n == 0 || p.done {
		return
	}
	if st.state == stEnd {
		return
	}
	p.cfg.stats.Gaps++
	p.cfg.stats.GapBytes += uint64(n)
	switch st.state {
	case stStart:
		st.synced = false
		p.missed(d)
	case stHead:
		p.cutHead(d)
	case stLost:
		p.missed(d)
	default: // chunk framing
		p.cfg.stats.ChunksLost++
		p.lose(d, true)
	}
	st.tailLen = 0
}

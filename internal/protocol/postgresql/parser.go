// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

type state uint8

const (
	stHeader state = iota // a message starts here, or part of its header is in stream.hdr
	stBody                // remain bytes of a message
	stAnswer              // the one byte that answers an encryption request
	stLost                // where the next message starts is not known; so it begins
	stEnd                 // no bytes expected
)

// stream is one direction.
type stream struct {
	state    state
	typ      byte // of the message; 0 for a startup message
	cut      bool // a hole took some of a startup message
	untyped  bool // the header is that of a startup message
	segStart bool // the bytes at hand stand at a segment's start
	sure     bool // stLost: the next segment starts a message, as far as order tells
	hdrLen   uint8
	hdr      [8]byte
	buf      []byte // wanted bytes of a body that came in pieces
	want     int    // bytes of the body to keep, those in buf included
	remain   int64  // bytes of the body still to come
	size     int64  // of the message
	owned    bool   // the message belongs to the queue's tail
	start    uint64 // of the message
	tag      Tag
	lastEnd  uint64 // end of the last segment, 0 after lost bytes
}

// keepBuf bounds the buffer that Reset keeps.
const keepBuf = 16 << 10

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg    *Config
	emit   func(*Exchange)
	dir    [2]stream
	q      queue
	tables tables
	user   []byte
	db     []byte

	now struct { // the segment at hand; zero for lost bytes
		start, end uint64
		tag        Tag
	}
	last     Direction // of the last segment
	seen     bool      // any segment was seen
	done     bool
	asked    bool // encryption was requested
	starting bool // between a startup message and the first ReadyForQuery

	open     bool  // the queue's tail takes further steps
	ghost    *item // like the tail when open, of an operation that was dropped
	reqGap   bool  // requests may have been missed since the last turn-around
	overflow bool  // they were not missed but did not fit
	pipeline bool  // several Syncs or Queries were outstanding once
	ready    bool  // the last response was ReadyForQuery
	skipping bool  // the server discards until Sync
	tx       byte  // transaction status, while ReadyForQuery is handled

	head    head // what is known of the response to the queue's head
	results [maxResults]result
}

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment, Skip, EOF, Close and Idle; emit must not call it back.
func (c *Config) NewParser(emit func(*Exchange)) *Parser {
	p := &Parser{cfg: c, emit: emit}
	p.dir[Request].state, p.dir[Response].state = stLost, stLost
	return p
}

// Reset makes the parser ready for another connection. Operations that are still pending
// end as with Close(CloseEvicted).
func (p *Parser) Reset() {
	p.Close(CloseEvicted, 0)
	*p = Parser{cfg: p.cfg, emit: p.emit,
		dir: [2]stream{{state: stLost, buf: p.dir[0].freeBuf()}, {state: stLost, buf: p.dir[1].freeBuf()}},
		q:   queue{ring: p.q.ring}, tables: p.tables, user: p.user[:0], db: p.db[:0]}
}

func (st *stream) freeBuf() []byte {
	if cap(st.buf) > keepBuf {
		return nil
	}
	return st.buf[:0]
}

// Opened says, before the first Segment, that the connection is seen from its beginning:
// its first bytes are a startup message or a request for encryption.
func (p *Parser) Opened() { p.dir[Request].state, p.dir[Response].state = stHeader, stHeader }

// Done reports that no further bytes are of interest: encrypted, cancelled or closed.
func (p *Parser) Done() bool { return p.done }

// Pending is the number of operations that wait for the end of their response.
func (p *Parser) Pending() int { return p.q.n - p.q.syncs }

// Segment takes the next bytes of a direction.
func (p *Parser) Segment(d Direction, s *Segment) {
	if p.done || d > Response || s.Len <= 0 && len(s.Data) == 0 {
		return
	}
	st := &p.dir[d]
	p.now.start, p.now.end, p.now.tag = s.Start, s.End, s.Tag
	st.segStart = true
	hole := max(0, s.Len-int64(len(s.Data)))
	tail := s.Last[:min(int(s.LastLen), len(s.Last))]
	if int64(len(tail)) > hole {
		tail = tail[int64(len(tail))-hole:]
	}
	hole -= int64(len(tail))
	p.feed(d, s.Data)
	if hole > 0 && !p.done {
		p.hole(d, hole)
	}
	p.feed(d, tail)
	st.lastEnd = s.End
	p.last, p.seen = d, true
}

// Skip takes note of n bytes of a direction that were lost between segments.
func (p *Parser) Skip(d Direction, n int64) {
	if p.done || d > Response || n <= 0 {
		return
	}
	p.now.start, p.now.end, p.now.tag = 0, 0, Tag{}
	p.dir[d].segStart = false
	p.hole(d, n)
	p.dir[d].lastEnd = 0
	p.last, p.seen = d, true
}

// EOF takes note of a FIN in a direction. After the backend's no response will come.
func (p *Parser) EOF(d Direction, ts uint64) {
	if p.done || d > Response {
		return
	}
	if d == Response {
		p.flush(CloseNormal, ts)
	} else {
		p.closeUnit()
	}
	p.dir[d].state = stEnd
}

// Close ends the connection or its tracking: what is pending is emitted.
func (p *Parser) Close(reason CloseReason, ts uint64) {
	if p.done {
		return
	}
	p.flush(reason, ts)
	p.finished()
}

// Idle says that no byte came for a while. It changes nothing: where responses end is known
// or left to the next request.
func (p *Parser) Idle(uint64) {}

// finished forgets all that was kept of the connection; the queue is empty.
func (p *Parser) finished() {
	p.dropPortals()
	p.dropStatements()
	p.dir[Request].state, p.dir[Response].state = stEnd, stEnd
	p.done = true
}

func (p *Parser) feed(d Direction, b []byte) {
	st := &p.dir[d]
	for len(b) > 0 && !p.done {
		switch st.state {
		case stHeader:
			b = p.header(d, b)
		case stBody:
			b = p.body(d, b)
		case stAnswer:
			b = p.encryptionAnswer(b)
		case stLost:
			if b = p.resync(d, b); b != nil {
				continue // a message starts here
			}
		default:
			b = nil
		}
		st.segStart = false
	}
}

// header reads a message's type and length.
func (p *Parser) header(d Direction, b []byte) []byte {
	st := &p.dir[d]
	if st.hdrLen == 0 {
		st.start, st.tag = p.now.start, p.now.tag
		st.untyped = d == Request && b[0] == 0
		if d == Request && st.segStart {
			if opener(b[0]) && p.turn() {
				p.turnAround()
			}
			if p.encrypted(b) {
				return nil
			}
		}
	}
	need := headerLen
	if st.untyped {
		need = startupLen
	}
	n := copy(st.hdr[st.hdrLen:need], b)
	if st.hdrLen += uint8(n); int(st.hdrLen) < need {
		return nil
	}
	st.hdrLen = 0
	if st.untyped {
		return p.startup(st.hdr[:startupLen], b[n:])
	}
	size := int64(be32(st.hdr[1:]))
	if !validHeader(d, st.hdr[0], size) {
		p.undecodable(d)
		p.cfg.stats.SkippedBytes += uint64(len(b))
		return nil
	}
	st.typ, st.remain, st.cut = st.hdr[0], size-4, false
	st.size = size + 1
	if d == Response {
		p.head.size += st.size
	}
	p.expect(st, p.wanted(d, st.typ))
	b = b[n:]
	switch {
	case st.want == 0:
		p.message(d, nil)
	case len(b) >= st.want: // the common case: nothing is copied
		st.remain -= int64(st.want)
		want := st.want
		st.want = 0
		p.message(d, b[:want])
		b = b[want:]
	}
	if st.state == stHeader && st.remain > 0 {
		st.state = stBody
	}
	return b
}

// expect prepares to keep the first want bytes of the body.
func (p *Parser) expect(st *stream, want int) {
	st.want = int(min(int64(want), st.remain))
	st.buf = st.buf[:0]
}

// message hands on the wanted part of a message. What is shorter was cut.
func (p *Parser) message(d Direction, b []byte) {
	if st := &p.dir[d]; d == Request {
		p.frontend(st.typ, b)
	} else {
		p.backend(st.typ, b)
	}
}

// body passes bytes of the message in progress.
func (p *Parser) body(d Direction, b []byte) []byte {
	st := &p.dir[d]
	n := int(min(int64(len(b)), st.remain))
	if st.want > 0 {
		n = min(n, st.want-len(st.buf))
		st.buf = append(st.buf, b[:n]...)
	}
	st.remain -= int64(n)
	if st.remain == 0 {
		st.state = stHeader
	}
	if st.want > 0 && len(st.buf) == st.want {
		p.handBuffer(d)
	}
	if st.remain == 0 && d == Request {
		p.requestEnds()
	}
	return b[n:]
}

func (p *Parser) handBuffer(d Direction) {
	st := &p.dir[d]
	st.want = 0
	if st.untyped {
		p.startupBody(st.buf)
	} else {
		p.message(d, st.buf)
	}
	clear(st.buf) // it may hold more than what was read from it
	st.buf = st.freeBuf()
}

// hole passes n bytes that were not captured.
func (p *Parser) hole(d Direction, n int64) {
	st := &p.dir[d]
	if st.state == stBody {
		if st.want > 0 {
			st.cut = true
			p.handBuffer(d)
			if p.done {
				return
			}
		}
		m := min(n, st.remain)
		st.remain -= m
		if n -= m; st.remain == 0 && st.state == stBody {
			st.state = stHeader
			if d == Request {
				p.requestEnds()
			}
		}
	}
	if n == 0 || st.state == stEnd {
		return
	}
	if st.state == stAnswer {
		p.dir[Response].state = stHeader
	}
	p.cfg.stats.Gaps++
	p.cfg.stats.GapBytes += uint64(n)
	p.lose(d)
	if d == Response {
		p.head.size += n
	}
}

// lose gives up the framing of a direction.
func (p *Parser) lose(d Direction) {
	st := &p.dir[d]
	st.state, st.hdrLen, st.want, st.remain, st.sure = stLost, 0, 0, 0, false
	if d == Request {
		p.missedRequests()
	} else {
		p.missedResponses()
	}
}

func (p *Parser) undecodable(d Direction) {
	if d == Request {
		p.cfg.stats.UndecodableRequests++
	} else {
		p.cfg.stats.UndecodableResponses++
	}
	p.lose(d)
}

// resync looks for the next message: at a segment's start, or, in responses, in the end.
func (p *Parser) resync(d Direction, b []byte) []byte {
	st := &p.dir[d]
	if st.segStart {
		sure := st.sure || d == Request && p.turn()
		st.sure = false
		if sure && loose(d, b) || chain(d, b) {
			st.state = stHeader
			return b
		}
	}
	if d == Response {
		p.head.size += int64(len(b))
		p.findEnd(b)
	}
	p.cfg.stats.SkippedBytes += uint64(len(b))
	return nil
}

// turn reports that a request at hand follows the end of all responses, or, where the
// response's end was lost, response bytes.
func (p *Parser) turn() bool {
	if !p.seen {
		return true
	}
	if p.last != Response {
		return false
	}
	st := &p.dir[Response]
	return p.ready && st.state == stHeader && st.hdrLen == 0 && p.q.n == 0 ||
		st.state == stLost && (p.ready || !p.pipeline && p.q.barriers <= 1)
}

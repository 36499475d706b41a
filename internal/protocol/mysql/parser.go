// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

type state uint8

const (
	stLost   state = iota // where the next packet starts is not known; so it begins
	stHeader              // a packet starts here, or part of its header is in stream.hdr
	stBody                // remain bytes of a packet
	stEnd                 // no bytes expected
)

const (
	headerLen = 4 // length and sequence number
	// maxPacket is the length of a packet that is continued by the next one.
	maxPacket = 1<<24 - 1
)

// stream is one direction.
type stream struct {
	state    state
	segStart bool // the bytes at hand stand at a segment's start
	sure     bool // stLost: the next segment starts a packet, as far as order tells
	trial    bool // whether this is a greeting, or a command, shows when the header is whole
	long     bool // the packet before was of the greatest length: this one continues it
	owned    bool // the packet belongs to the queue's tail
	login    bool // the packet's bytes go to the login reader
	hdrLen   uint8
	hdr      [headerLen + 1]byte
	typ      byte   // first byte of the payload
	seq      uint8  // sequence number
	buf      []byte // wanted bytes of a payload that came in pieces
	want     int    // bytes to keep after the first
	size     int64  // of the payload
	remain   int64  // bytes of the payload still to come
	start    uint64 // of the packet
	tag      Tag
	lastEnd  uint64 // end of the last segment, 0 after lost bytes
}

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg  *Config
	emit func(*Exchange)
	dir  [2]stream
	q    queue

	statements map[uint32]*statement
	tableBytes int
	prepared   *statement // the last text sent for preparation

	login      login
	user, db   []byte
	nextDB     []byte // becomes db when the command succeeds
	dbKnown    bool
	compressed bool
	inLogin    bool

	now struct { // the segment at hand; zero for lost bytes
		start, end uint64
		len        int64
		tag        Tag
	}
	last     Direction // of the last segment
	seen     bool      // any segment was seen
	done     bool
	reqGap   bool // commands may have been missed since the last turn-around
	overflow bool // they were not missed but did not fit
	pipeline bool // several commands were outstanding once
	weak     bool // the last lost bytes look like the end of a response

	head head // what is known of the response to the queue's head
}

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment, Skip, EOF, Close and Idle; emit must not call it back.
func (c *Config) NewParser(emit func(*Exchange)) *Parser { return &Parser{cfg: c, emit: emit} }

// Reset makes the parser ready for another connection. Commands that are still pending end
// as with Close(CloseEvicted).
func (p *Parser) Reset() {
	p.Close(CloseEvicted, 0)
	*p = Parser{cfg: p.cfg, emit: p.emit, dir: [2]stream{{buf: p.dir[0].freeBuf()}, {buf: p.dir[1].freeBuf()}},
		q: queue{ring: p.q.ring}, statements: p.statements, user: p.user[:0], db: p.db[:0], nextDB: p.nextDB[:0]}
}

func (st *stream) freeBuf() []byte {
	if cap(st.buf) > 2*defaultMaxText {
		return nil
	}
	return st.buf[:0]
}

// Opened says, before the first Segment, that the connection is seen from its beginning:
// the first packet is the server's greeting.
func (p *Parser) Opened() { p.dir[Response].state = stHeader }

// Done reports that no further bytes are of interest: encrypted, compressed, replicating or
// closed.
func (p *Parser) Done() bool { return p.done }

// Pending is the number of commands that wait for the end of their response.
func (p *Parser) Pending() int { return p.q.n }

// Segment takes the next bytes of a direction.
func (p *Parser) Segment(d Direction, s *Segment) {
	if p.done || d > Response || s.Len <= 0 && len(s.Data) == 0 {
		return
	}
	st := &p.dir[d]
	p.now.start, p.now.end, p.now.tag, p.now.len = s.Start, s.End, s.Tag, max(s.Len, int64(len(s.Data)))
	st.segStart = true
	p.weak = p.weak && d == Request
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
	p.now.start, p.now.end, p.now.tag, p.now.len = 0, 0, Tag{}, 0
	p.dir[d].segStart = false
	p.weak = p.weak && d == Request
	p.hole(d, n)
	p.dir[d].lastEnd = 0
	p.last, p.seen = d, true
}

// EOF takes note of a FIN in a direction. After the server's no response will come.
func (p *Parser) EOF(d Direction, ts uint64) {
	if p.done || d > Response {
		return
	}
	if d == Response {
		p.flush(CloseNormal, ts)
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

// Idle says that no byte came for a while. It ends a response of which the framing was lost
// and whose last bytes look like its end.
func (p *Parser) Idle(uint64) {
	if !p.done && p.weak && p.dir[Response].state == stLost && p.q.n == 1 {
		p.endLost()
	}
}

// finished forgets all that was kept of the connection; the queue is empty.
func (p *Parser) finished() {
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
		case stLost:
			if b = p.resync(d, b); b != nil {
				continue // a packet starts here
			}
		default:
			b = nil
		}
		st.segStart = false
	}
}

// header reads length, sequence number and, unless the packet is empty, the first byte.
func (p *Parser) header(d Direction, b []byte) []byte {
	st := &p.dir[d]
	if st.hdrLen == 0 {
		st.start, st.tag = p.now.start, p.now.tag
		if d == Request && st.segStart && !st.long && !p.inLogin && p.turn() && (plausible(b, p.now.len) || headerAlone(b, p.now.len)) {
			p.turnAround()
		}
	}
	need := headerLen
	for {
		if st.hdrLen >= headerLen && st.hdr[0]|st.hdr[1]|st.hdr[2] != 0 && !st.long {
			need = headerLen + 1
		}
		if int(st.hdrLen) == need {
			break
		}
		if len(b) == 0 {
			return nil
		}
		n := copy(st.hdr[st.hdrLen:need], b)
		st.hdrLen += uint8(n)
		b = b[n:]
	}
	st.hdrLen = 0
	if st.trial {
		st.trial = false
		if d == Response && greeting(st.hdr[:need]) == No || d == Request && names[st.hdr[headerLen]] == "" {
			p.lose(d)
			return b
		}
	}
	st.size = int64(st.hdr[0]) | int64(st.hdr[1])<<8 | int64(st.hdr[2])<<16
	st.seq = st.hdr[3]
	continues := st.long
	st.long = st.size == maxPacket
	st.remain, st.want, st.login = st.size, 0, false
	if d == Response {
		p.head.size += st.size + headerLen
	}
	if need > headerLen {
		st.remain--
		st.typ = st.hdr[headerLen]
	}
	st.state = stBody
	switch {
	case continues:
		p.continued(d)
	case d == Request:
		p.clientPacket(need == headerLen)
	default:
		p.serverPacket(need == headerLen)
	}
	if p.done || st.state != stBody {
		return b
	}
	st.want = int(min(int64(st.want), st.remain))
	st.buf = st.buf[:0]
	if st.want > 0 && len(b) >= st.want { // the common case: nothing is copied
		want := b[:st.want]
		b = b[st.want:]
		st.remain -= int64(st.want)
		st.want = 0
		p.payload(d, want)
	}
	if st.remain == 0 && st.state == stBody {
		st.state = stHeader
	}
	return b
}

// body passes bytes of the packet in progress.
func (p *Parser) body(d Direction, b []byte) []byte {
	st := &p.dir[d]
	n := int(min(int64(len(b)), st.remain))
	if st.want > 0 {
		n = min(n, st.want-len(st.buf))
		st.buf = append(st.buf, b[:n]...)
	}
	st.remain -= int64(n)
	if st.login {
		p.readLogin(b[:n])
		if p.done {
			return nil
		}
	}
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
	p.payload(d, st.buf)
	st.buf = st.freeBuf()
}

// payload hands on the wanted part of a packet after its first byte. What is shorter was cut.
func (p *Parser) payload(d Direction, b []byte) {
	if d == Request {
		p.command(b)
	} else {
		p.response(b)
	}
}

// requestEnds notes the time at which a packet that came in pieces was whole.
func (p *Parser) requestEnds() {
	if st := &p.dir[Request]; st.owned && p.q.n > 0 {
		p.q.tail().reqEnd = p.now.end
	}
}

// hole passes n bytes that were not captured.
func (p *Parser) hole(d Direction, n int64) {
	st := &p.dir[d]
	if st.state == stBody {
		if st.want > 0 {
			p.handBuffer(d)
		}
		if st.login {
			p.login.cut()
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
	if n == 0 || st.state == stEnd || p.done {
		return
	}
	p.cfg.stats.Gaps++
	p.cfg.stats.GapBytes += uint64(n)
	if d == Response {
		p.head.size += n
	}
	p.lose(d)
}

// lose gives up the framing of a direction.
func (p *Parser) lose(d Direction) {
	st := &p.dir[d]
	st.state, st.hdrLen, st.want, st.remain, st.sure, st.long, st.login = stLost, 0, 0, 0, false, false, false
	if d == Request {
		p.reqGap = true
		if p.q.n > 0 && st.owned {
			p.q.tail().partial = true
		}
		return
	}
	p.head.lost = true
	if p.q.n > 1 {
		p.dropAll()
		p.reqGap = true
	}
}

// resync looks for the next packet at a segment's start.
func (p *Parser) resync(d Direction, b []byte) []byte {
	st := &p.dir[d]
	if st.segStart {
		var ok bool
		if d == Request {
			st.trial = p.turn() && headerAlone(b, p.now.len)
			ok = p.inLogin || st.trial || plausible(b, p.now.len)
		} else {
			st.trial = !p.seen && len(b) <= headerLen // a greeting in pieces
			ok = st.trial || greeting(b) != No || st.sure && p.q.n > 0 && len(b) >= headerLen && b[3] == p.q.at(0).seq
		}
		st.sure = false
		if ok {
			st.state = stHeader
			return b
		}
	}
	if d == Response {
		p.head.size += int64(len(b))
		p.weak = looksLikeEnd(b)
	}
	p.cfg.stats.SkippedBytes += uint64(len(b))
	return nil
}

// looksLikeEnd: the last bytes are an EOF packet, or the OK packet that replaces it, without
// the flag that more results follow.
func looksLikeEnd(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	b = b[len(b)-8:]
	return b[0]|b[1] == 0 && b[3] == 0xfe && b[6]&statusMoreResults == 0 && b[7]&0x80 == 0 ||
		b[1] == 0xfe && b[2]|b[3] == 0 && b[4]&statusMoreResults == 0 && b[5]&0x80 == 0
}

// turn reports that a command at hand follows the end of all responses, or, where the
// response's end was lost, response bytes.
func (p *Parser) turn() bool {
	if !p.seen {
		return true
	}
	st := &p.dir[Response]
	return p.last == Response && (st.state == stHeader && st.hdrLen == 0 && p.q.n == 0 || st.state == stLost && p.q.n <= 1 && (!p.pipeline || p.q.n == 0))
}

// turnAround draws what a command on a segment start, right after the responses, proves:
// nothing is outstanding.
func (p *Parser) turnAround() {
	st := &p.dir[Response]
	if st.state == stLost {
		if p.q.n == 1 {
			p.endLost()
		}
		st.sure = true
	}
	if p.q.n == 0 {
		p.reqGap, p.overflow = false, false
	}
}

// endLost ends the one response of which the framing was lost.
func (p *Parser) endLost() {
	end, o := p.dir[Response].lastEnd, Truncated
	if p.weak {
		o = Complete
	}
	p.finish(o, CloseNone, end, max(end, p.q.at(0).respStart))
	p.weak = false
}

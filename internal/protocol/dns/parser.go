// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import "encoding/binary"

// lengthLen is the length of what stands before a message on a connection (RFC 1035 section
// 4.2.2).
const lengthLen = 2

// maxPipeline bounds the queries that wait on one connection: nobody sends as many ahead.
const maxPipeline = 1024

// maxLength is the length of the longest message.
const maxLength = 1<<16 - 1

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg   *Config
	emit  func(*Exchange)
	pairs *Pairs[struct{}, struct{}]
	dir   [2]flow
	now   struct { // the segment at hand; zero for lost bytes
		start, end uint64
		tag        Tag
	}
	// transfer is the ID of the last transfer of a zone that began.
	transfer  uint16
	transfers bool
	done      bool
	respGap   bool // responses may have passed unseen
}

type flowState uint8

const (
	flowStart   flowState = iota // a message starts here, or (not synced) we look for one
	flowLength                   // in its length
	flowMessage                  // in it
	flowEnd                      // no bytes expected
)

// flow is one direction.
type flow struct {
	state    flowState
	synced   bool // flowStart follows the proven end of a message
	segStart bool // the bytes at hand stand at a segment's start
	whole    bool // the message's bytes so far are all in buf
	guessed  bool // the message has no less than total bytes: its length was not seen
	first    byte // of the length
	total    int
	seen     int
	buf      []byte
	start    uint64
	tag      Tag
}

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment, Skip, EOF, Close and Idle; emit must not call it back.
func (c *Config) NewParser(emit func(*Exchange)) *Parser {
	p := &Parser{cfg: c, emit: emit}
	p.pairs = NewPairs[struct{}](c, func(_ struct{}, e *Exchange) { p.emit(e) })
	p.pairs.most = min(c.maxPending, maxPipeline)
	return p
}

// Opened says, before the first Segment, that the connection is seen from its beginning.
func (p *Parser) Opened() { p.dir[Request].synced, p.dir[Response].synced = true, true }

// Reset makes the parser ready for another connection. Queries that are still pending end as
// with Close(CloseEvicted).
func (p *Parser) Reset() {
	p.Close(CloseEvicted, 0)
	*p = Parser{cfg: p.cfg, emit: p.emit, pairs: p.pairs, dir: [2]flow{{buf: p.dir[0].buf[:0]}, {buf: p.dir[1].buf[:0]}}}
}

// Done reports that no further bytes are of interest: closed.
func (p *Parser) Done() bool { return p.done }

// Pending is the number of queries that wait for their response.
func (p *Parser) Pending() int { return p.pairs.Pending() }

// Segment takes the next bytes of a direction.
func (p *Parser) Segment(d Direction, s *Segment) {
	if p.done || d > Response || s.Len <= 0 && len(s.Data) == 0 {
		return
	}
	p.now.start, p.now.end, p.now.tag = s.Start, s.End, s.Tag
	hole := max(0, s.Len-int64(len(s.Data)))
	tail := s.Last[:min(int(s.LastLen), len(s.Last))]
	if int64(len(tail)) > hole {
		tail = tail[int64(len(tail))-hole:]
	}
	p.dir[d].segStart = true
	p.bytes(d, s.Data, int(s.Len))
	p.hole(d, hole-int64(len(tail)))
	p.bytes(d, tail, 0)
}

// Skip takes note of n bytes of a direction that were lost between segments.
func (p *Parser) Skip(d Direction, n int64) {
	if p.done || d > Response || n <= 0 {
		return
	}
	p.now.start, p.now.end, p.now.tag = 0, 0, Tag{}
	p.dir[d].segStart = false
	p.hole(d, n)
}

// EOF takes note of a FIN in a direction.
func (p *Parser) EOF(d Direction, ts uint64) {
	if p.done || d > Response {
		return
	}
	if d == Response {
		p.flush(CloseNormal, ts)
	}
	p.dir[d].state = flowEnd
}

// Close ends the connection or its tracking: what is pending is emitted or counted.
func (p *Parser) Close(reason CloseReason, ts uint64) {
	if p.done {
		return
	}
	p.flush(reason, ts)
	p.done = true
}

// Idle says that no byte came for a while: whatever a hole may have hidden is over.
func (p *Parser) Idle(uint64) {
	if !p.done && p.respGap {
		p.dropAll()
	}
}

// bytes takes captured bytes of a direction. segment is the length of the segment that they
// begin, 0 when they do not.
func (p *Parser) bytes(d Direction, b []byte, segment int) {
	f := &p.dir[d]
	for len(b) > 0 && !p.done {
		switch f.state {
		case flowStart:
			if !f.synced && !p.resume(d, b, segment) {
				p.cfg.stats.SkippedBytes += uint64(len(b))
				p.missed(d)
				return
			}
			f.start, f.tag = p.now.start, p.now.tag
			if f.state == flowStart {
				f.state, f.first = flowLength, b[0]
				b = b[1:]
			}
		case flowLength:
			f.begin(int(f.first)<<8 | int(b[0]))
			b = b[1:]
			if f.total < headerLen {
				p.cfg.stats.Undecodable++
				p.lose(d)
			}
		case flowMessage:
			n := min(len(b), f.total-f.seen)
			if f.seen == 0 && n == f.total { // without a copy
				f.seen = n
				p.message(d, b[:n])
			} else {
				f.keep(b[:n])
				p.passed(d, n)
			}
			b = b[n:]
		case flowEnd:
			return
		}
		f.segStart = false
	}
}

// resume begins a message where a segment does, with its length or, where that was read by
// itself, without.
func (p *Parser) resume(d Direction, b []byte, segment int) bool {
	f := &p.dir[d]
	if !f.segStart {
		return false
	}
	if len(b) <= lengthLen || plausible(b[lengthLen:], d == Response) && binary.BigEndian.Uint16(b) >= headerLen {
		f.synced = true
		return true
	}
	if len(b) >= headerLen && plausible(b, d == Response) {
		f.begin(segment)
		f.guessed = true
		return true
	}
	return false
}

func (f *flow) begin(total int) {
	f.state, f.total, f.seen, f.whole, f.guessed = flowMessage, total, 0, true, false
	f.buf = f.buf[:0]
}

// keep gathers the beginning of a message.
func (f *flow) keep(b []byte) {
	if !f.whole {
		return
	}
	if room := maxMessage - len(f.buf); len(b) > room {
		f.whole = false
		b = b[:room]
	}
	f.buf = append(f.buf, b...)
}

// passed counts n bytes of a message, and ends it.
func (p *Parser) passed(d Direction, n int) {
	f := &p.dir[d]
	if f.seen += n; f.seen == f.total {
		p.message(d, f.buf)
	}
}

// hole passes n bytes that were not captured.
func (p *Parser) hole(d Direction, n int64) {
	f := &p.dir[d]
	if n > 0 && f.state == flowMessage {
		k := int(min(n, int64(f.total-f.seen)))
		f.whole = false
		n -= int64(k)
		p.passed(d, k)
	}
	if n <= 0 || f.state == flowEnd {
		return
	}
	p.cfg.stats.Gaps++
	p.lose(d)
}

// lose: any number of messages may pass unseen from here.
func (p *Parser) lose(d Direction) {
	p.dir[d].state, p.dir[d].synced = flowStart, false
	p.missed(d)
}

func (p *Parser) missed(d Direction) {
	if d == Response && p.pairs.Pending() > 0 {
		p.respGap = true
	}
}

// message acts on a whole message, of which b was captured.
func (p *Parser) message(d Direction, b []byte) {
	f := &p.dir[d]
	f.state, f.synced = flowStart, !f.guessed
	total, size := f.total, int64(f.total)
	if f.guessed {
		total, size = maxLength, -1
	}
	m := p.pairs.Decode(b, total)
	if m == nil {
		return
	}
	if m.Response != (d == Response) {
		p.cfg.stats.Undecodable++
		return
	}
	if d == Request {
		p.pairs.Message(Server, struct{}{}, struct{}{}, m, f.start, size, f.tag)
		return
	}
	at := place[struct{}]{id: m.ID, role: Server}
	e := p.pairs.find(at, m, false)
	switch {
	case e != nil:
		p.transfers, p.transfer = e.q.axfr, m.ID
	case p.transfers && m.ID == p.transfer:
		p.cfg.stats.TransferMessages++
		return
	}
	p.pairs.Message(Server, struct{}{}, struct{}{}, m, p.now.end, size, f.tag)
	if p.pairs.Pending() == 0 {
		p.respGap = false
	}
}

// dropAll counts what waits as queries whose responses passed unseen.
func (p *Parser) dropAll() {
	for e := p.pairs.first; e != nil; e = p.pairs.first {
		p.cfg.stats.DropUnseen++
		p.pairs.remove(e)
	}
	p.respGap = false
}

// flush ends all that is pending, since no byte of the server will come.
func (p *Parser) flush(reason CloseReason, ts uint64) {
	if p.respGap {
		p.dropAll()
	}
	p.pairs.Close(reason, ts)
}

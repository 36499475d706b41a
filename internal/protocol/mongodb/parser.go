// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg  *Config
	emit func(*Exchange)
	dir  [2]flow
	q    queue

	now struct { // the segment at hand; zero for lost bytes
		start, end uint64
		tag        Tag
	}
	done bool
	// respGap: responses may have passed unseen.
	respGap bool
	// lastID is the last response's own; a response to that is one of a stream.
	lastID int32
	stream bool
}

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment, Skip, EOF, Close and Idle; emit must not call it back.
func (c *Config) NewParser(emit func(*Exchange)) *Parser { return &Parser{cfg: c, emit: emit} }

// Reset makes the parser ready for another connection. Requests that are still pending
// end as with Close(CloseEvicted).
func (p *Parser) Reset() {
	p.Close(CloseEvicted, 0)
	*p = Parser{cfg: p.cfg, emit: p.emit, q: queue{ring: p.q.ring}}
}

// Opened says, before the first Segment, that the connection is seen from its beginning.
func (p *Parser) Opened() { p.dir[Request].synced, p.dir[Response].synced = true, true }

// Done reports that no further bytes are of interest: closed.
func (p *Parser) Done() bool { return p.done }

// Pending is the number of requests that wait for the end of their response.
func (p *Parser) Pending() int { return p.q.n }

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
	p.bytes(d, s.Data)
	p.hole(d, hole-int64(len(tail)))
	p.bytes(d, tail)
	p.dir[d].lastEnd = s.End
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
}

// EOF takes note of a FIN in a direction.
func (p *Parser) EOF(d Direction, ts uint64) {
	if p.done || d > Response {
		return
	}
	if d == Response {
		p.flush(CloseNormal, ts)
	}
	p.dir[d].state, p.dir[d].bound = flowEnd, false
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
	if !p.done && p.respGap && !p.dir[Response].bound {
		p.dropAll()
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg  *Config
	emit func(*Exchange)
	req  requests
	resp responses
	q    queue

	now struct { // the segment at hand; zero for lost bytes
		start, end uint64
		tag        Tag
	}
	last Direction // of the last segment
	done bool
	// unsure: commands or responses may have passed unseen, so which response answers a new
	// command cannot be told. Those in the queue are not affected.
	unsure bool
	// respGap: the response of the only command waiting may have passed unseen.
	respGap bool
	// run is the number of commands since the last byte from the server, runQueued those
	// of them that wait.
	run, runQueued int
}

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment, Skip, EOF, Close and Idle; emit must not call it back.
func (c *Config) NewParser(emit func(*Exchange)) *Parser { return &Parser{cfg: c, emit: emit} }

// Reset makes the parser ready for another connection. Commands that are still pending
// end as with Close(CloseEvicted).
func (p *Parser) Reset() {
	p.Close(CloseEvicted, 0)
	*p = Parser{cfg: p.cfg, emit: p.emit, q: queue{ring: p.q.ring}}
}

// Opened says, before the first Segment, that the connection is seen from its beginning:
// its first bytes begin a command, be it one that memcached does not have.
func (p *Parser) Opened() { p.req.synced, p.resp.synced = true, true }

// Done reports that no further bytes are of interest: closed, or a log stream.
func (p *Parser) Done() bool { return p.done }

// Pending is the number of commands that wait for the end of their response.
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
	hole -= int64(len(tail))
	if d == Request {
		p.req.segStart = true
		p.requestBytes(s.Data)
		p.requestHole(hole)
		p.requestBytes(tail)
	} else {
		p.endRun()
		p.resp.segStart = true
		p.responseBytes(s.Data)
		p.responseHole(hole)
		p.responseBytes(tail)
		p.resp.lastEnd = s.End
	}
	p.last = d
}

// Skip takes note of n bytes of a direction that were lost between segments.
func (p *Parser) Skip(d Direction, n int64) {
	if p.done || d > Response || n <= 0 {
		return
	}
	p.now.start, p.now.end, p.now.tag = 0, 0, Tag{}
	if d == Request {
		p.req.segStart = false
		p.requestHole(n)
	} else {
		p.endRun()
		p.resp.segStart = false
		p.responseHole(n)
		p.resp.lastEnd = 0
	}
	p.last = d
}

// EOF takes note of a FIN in a direction.
func (p *Parser) EOF(d Direction, ts uint64) {
	if p.done || d > Response {
		return
	}
	if d == Request {
		p.closeRequest()
		p.req.state = rqEnd
		return
	}
	p.flush(CloseNormal, ts)
	p.resp.state = rsEnd
}

// Close ends the connection or its tracking: what is pending is emitted or counted.
func (p *Parser) Close(reason CloseReason, ts uint64) {
	if p.done {
		return
	}
	p.closeRequest()
	p.flush(reason, ts)
	p.done = true
}

// Idle says that no byte came for a while. It ends a response whose framing was lost, and
// whatever a hole may have hidden is over.
func (p *Parser) Idle(uint64) {
	if !p.done && p.resp.state != rsEnd {
		p.settle()
	}
}

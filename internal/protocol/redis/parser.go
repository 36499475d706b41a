// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg  *Config
	emit func(*Exchange)
	req  requests
	rep  replies
	q    queue

	now struct { // the segment at hand; zero for lost bytes
		start, end uint64
		tag        Tag
	}
	last Direction // of the last segment
	done bool
	// unsure: commands or replies may have passed unseen, so which reply answers a new
	// command cannot be told. Those in the queue are not affected.
	unsure bool
	// respGap: the reply of the only command waiting may have passed unseen.
	respGap bool

	db         int32 // -1 unknown
	tx         transaction
	quiet      bool    // CLIENT REPLY OFF
	skipNext   bool    // CLIENT REPLY SKIP
	subscribed [2]bool // RESP2: to channels or patterns, to shard channels
	// run is the number of commands since the last byte from the server, runQueued those
	// of them that wait.
	run, runQueued int
}

type transaction uint8

const (
	txUnknown transaction = iota
	txNone
	txOpen
)

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment, Skip, EOF, Close and Idle; emit must not call it back.
func (c *Config) NewParser(emit func(*Exchange)) *Parser { return &Parser{cfg: c, emit: emit, db: -1} }

// Reset makes the parser ready for another connection. Commands that are still pending
// end as with Close(CloseEvicted).
func (p *Parser) Reset() {
	p.Close(CloseEvicted, 0)
	*p = Parser{cfg: p.cfg, emit: p.emit, db: -1, q: queue{ring: p.q.ring}}
}

// Opened says, before the first Segment, that the connection is seen from its beginning:
// then its database is known to be 0, and its first bytes begin a command.
func (p *Parser) Opened() {
	p.db, p.tx = 0, txNone
	p.req.synced, p.rep.synced = true, true
}

// Done reports that no further bytes are of interest: closed, or no more commands and
// replies (replication, MONITOR).
func (p *Parser) Done() bool { return p.done }

// Pending is the number of commands that wait for the end of their reply.
func (p *Parser) Pending() int { return p.q.n - p.q.overs }

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
		p.rep.segStart = true
		p.replyBytes(s.Data)
		p.replyHole(hole)
		p.replyBytes(tail)
		p.rep.lastEnd = s.End
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
		p.rep.segStart = false
		p.replyHole(n)
		p.rep.lastEnd = 0
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
	p.rep.state = rsEnd
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

// Idle says that no byte came for a while. It ends a reply whose framing was lost, and
// whatever a hole may have hidden is over.
func (p *Parser) Idle(uint64) {
	if !p.done && p.rep.state != rsEnd {
		p.settle()
	}
}

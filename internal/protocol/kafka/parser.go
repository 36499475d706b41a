// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"encoding/binary"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
)

// side is one direction.
type side struct {
	synced   bool // the next byte's place in the framing is known
	seen     bool // bytes passed, or a hole
	segStart bool // the bytes at hand stand at a segment's start
	lone     bool // nothing is known of what follows the message in progress

	head [headBytes]byte // a message's header that came in pieces
	n    int
	body int64 // bytes still to come of the message in progress

	start uint64 // of the message in progress
	tag   segment.Tag
}

// headBytes is the most of a message that is looked at before it is known what it is.
const headBytes = 24

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg  *Config
	emit func(*Exchange)
	side [2]side
	walk [2]walker
	q    queue

	open   *pending // the request in progress, nil if it is not kept
	answer *pending // whose response is in progress
	missed int      // so many of the queue's first may have been answered unseen
	ghosts int      // requests counted as dropped whose responses may still come
	raw    bool     // after SaslHandshake version 0: tokens without a header may come
	tokens int      // of these that are not answered

	now struct { // the segment at hand; zero for lost bytes
		start, end uint64
		length     int64
		tag        segment.Tag
	}
	lastEnd uint64 // of the responses' last segment
	done    bool
}

var _ segment.Parser = (*Parser)(nil)

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment, Skip, EOF, Close and Idle; emit must not call it back.
func (c *Config) NewParser(emit func(*Exchange)) *Parser {
	p := &Parser{cfg: c, emit: emit}
	p.walk[segment.Request] = walker{p: p, dir: segment.Request}
	p.walk[segment.Response] = walker{p: p, dir: segment.Response}
	return p
}

// Opened implements segment.Parser.
func (p *Parser) Opened() {
	p.side[segment.Request].synced, p.side[segment.Response].synced = true, true
}

// Reset makes the parser ready for another connection. Requests that are still pending
// end as with Close(CloseEvicted).
func (p *Parser) Reset() {
	p.Close(segment.CloseEvicted, 0)
	*p = Parser{cfg: p.cfg, emit: p.emit, walk: p.walk, q: queue{ring: p.q.ring}}
	if len(p.q.ring) > keepRing {
		p.q.ring = nil
	}
}

// keepRing is the longest queue kept for another connection.
const keepRing = 256

// Done reports that no further bytes are of interest: closed.
func (p *Parser) Done() bool { return p.done }

// Pending is the number of requests that wait for the end of their response.
func (p *Parser) Pending() int {
	if p.answer != nil {
		return p.q.n + 1
	}
	return p.q.n
}

// Segment takes the next bytes of a direction.
func (p *Parser) Segment(d segment.Direction, s *segment.Segment) {
	if p.done || d > segment.Response || s.Len <= 0 && len(s.Data) == 0 {
		return
	}
	p.now.start, p.now.end, p.now.tag = s.Start, s.End, s.Tag
	p.now.length = max(s.Len, int64(len(s.Data)))
	sd := &p.side[d]
	sd.segStart = true
	if d == segment.Request {
		p.requestBytes(s.Data)
	} else {
		p.responseBytes(s.Data)
		p.lastEnd = s.End
	}
	sd.seen, sd.segStart = true, false
	if hole := p.now.length - int64(len(s.Data)); hole > 0 {
		p.hole(d, hole)
	}
}

// Skip takes note of n bytes of a direction that were lost between segments.
func (p *Parser) Skip(d segment.Direction, n int64) {
	if p.done || d > segment.Response || n <= 0 {
		return
	}
	p.now.start, p.now.end, p.now.length, p.now.tag = 0, 0, 0, segment.Tag{}
	p.side[d].seen = true
	p.hole(d, n)
}

// hole passes n bytes that were not captured.
func (p *Parser) hole(d segment.Direction, n int64) {
	sd := &p.side[d]
	if sd.body > 0 {
		k := min(n, sd.body)
		p.walk[d].hole(k)
		n -= k
		p.passed(d, k)
	}
	if n == 0 {
		return
	}
	if d == segment.Request && p.raw && p.hiddenToken(n) {
		return
	}
	p.cfg.stats.Gaps++
	p.cfg.stats.GapBytes += uint64(n)
	p.lose(d)
}

// hiddenToken takes note of a raw token, n bytes that captures leave out: all of it, or what
// follows its size.
func (p *Parser) hiddenToken(n int64) bool {
	sd := &p.side[segment.Request]
	exact := sd.n == sizeBytes && int64(binary.BigEndian.Uint32(sd.head[:])) == n
	if !sd.synced && !exact {
		return false
	}
	p.cfg.stats.Tokens++
	p.tokens++
	sd.forget()
	sd.synced = exact
	return true
}

// passed takes note of n bytes of the message in progress.
func (p *Parser) passed(d segment.Direction, n int64) {
	if p.side[d].body -= n; p.side[d].body > 0 {
		return
	}
	if d == segment.Request {
		p.endRequest()
	} else {
		p.endResponse()
	}
}

// lose gives up the framing of a direction until a segment starts with a message.
func (p *Parser) lose(d segment.Direction) {
	sd := &p.side[d]
	if d == segment.Request {
		if sd.synced && sd.n > 0 && !p.raw {
			p.cfg.stats.Requests++
			p.cfg.stats.DropCut++
			p.ghosts++
		}
	} else {
		p.missed = p.q.n
		p.tokens = 0
	}
	sd.synced = false
	sd.forget()
}

// forget gives up a header that came in part.
func (sd *side) forget() {
	clear(sd.head[:sd.n])
	sd.n = 0
}

// EOF takes note of a FIN in a direction.
func (p *Parser) EOF(d segment.Direction, ts uint64) {
	if p.done || d > segment.Response {
		return
	}
	if d == segment.Response {
		p.flush(segment.CloseNormal, ts)
		p.lose(d)
		return
	}
	p.endRequests()
}

// endRequests: no further byte comes from the client.
func (p *Parser) endRequests() {
	sd := &p.side[segment.Request]
	if p.open != nil {
		p.walk[segment.Request].cutShort()
		p.walk[segment.Request].stop()
		p.open, sd.body = nil, 0
	}
	p.lose(segment.Request)
}

// Idle says that no byte came for a while. There is nothing to do: a Fetch may wait long.
func (p *Parser) Idle(uint64) {}

// Close ends the connection or its tracking: what is pending is emitted or counted.
func (p *Parser) Close(reason segment.CloseReason, ts uint64) {
	if p.done {
		return
	}
	p.endRequests()
	p.flush(reason, ts)
	p.done = true
}

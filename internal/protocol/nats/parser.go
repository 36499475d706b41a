// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg  *Config
	emit func(*Message)
	flow [2]flow
	subs map[string]subscription // by sid
	now  struct {                // the segment at hand; zero for lost bytes
		start, end uint64
		tag        Tag
	}
	done bool
}

// subscription is what a SUB said.
type subscription struct{ subject, queue []byte }

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment and Skip; emit must not call it back.
func (c *Config) NewParser(emit func(*Message)) *Parser {
	p := &Parser{cfg: c, emit: emit}
	p.Reset()
	return p
}

// Reset makes the parser ready for another connection. A message under way ends as with Close.
func (p *Parser) Reset() {
	p.drop()
	clear(p.subs)
	req, resp := p.flow[Request].reset(), p.flow[Response].reset()
	*p = Parser{cfg: p.cfg, emit: p.emit, subs: p.subs, flow: [2]flow{req, resp}}
	p.flow[Response].dir = Response
}

// Opened says, before the first Segment, that the connection is seen from its beginning.
func (p *Parser) Opened() {
	p.flow[Request].state, p.flow[Response].state = atStart, atStart
}

// Done reports that no further bytes are of interest: closed, encrypted, or a connection
// between servers.
func (p *Parser) Done() bool { return p.done }

// Pending is the number of messages whose payload has not ended.
func (p *Parser) Pending() int {
	n := 0
	for d := range p.flow {
		if p.flow[d].state == inPayload {
			n++
		}
	}
	return n
}

// Segment takes the next bytes of a direction.
func (p *Parser) Segment(d Direction, s *Segment) {
	if p.done || d > Response || s.Len <= 0 && len(s.Data) == 0 {
		return
	}
	p.now.start, p.now.end, p.now.tag = s.Start, s.End, s.Tag
	f := &p.flow[d]
	p.bytes(f, s.Data)
	if n := s.Len - int64(len(s.Data)); n > 0 && !p.done {
		p.hole(f, n)
	}
}

// Skip takes note of n bytes of a direction that were lost between segments.
func (p *Parser) Skip(d Direction, n int64) {
	if p.done || d > Response || n <= 0 {
		return
	}
	p.now.start, p.now.end, p.now.tag = 0, 0, Tag{}
	p.hole(&p.flow[d], n)
}

// EOF takes note of a FIN in a direction.
func (p *Parser) EOF(d Direction, _ uint64) {
	if p.done || d > Response {
		return
	}
	p.dropFlow(&p.flow[d])
}

// Close ends the connection or its tracking.
func (p *Parser) Close(CloseReason, uint64) {
	p.drop()
	p.done = true
}

// Idle has nothing to end: no message waits for another.
func (p *Parser) Idle(uint64) {}

func (p *Parser) drop() {
	for d := range p.flow {
		p.dropFlow(&p.flow[d])
	}
}

// dropFlow gives up what is under way in a direction.
func (p *Parser) dropFlow(f *flow) {
	switch {
	case f.state == inPayload:
		p.cfg.stats.DropEnded++
	case f.state == inLine && f.verb.isMessage():
		p.cfg.stats.Messages++
		p.cfg.stats.DropEnded++
	}
	p.settle(f)
	f.state = lost
}

// subscribe remembers a SUB.
func (p *Parser) subscribe(line []byte, c *control) {
	if p.subs == nil {
		p.subs = map[string]subscription{}
	}
	if len(p.subs) >= p.cfg.maxSubscriptions {
		p.cfg.stats.SubscriptionsNotKept++
		for sid := range p.subs { // any: which are over is not known
			delete(p.subs, sid)
			break
		}
	}
	own := append([]byte(nil), line...)
	p.subs[string(c.sid.of(line))] = subscription{subject: c.subject.of(own), queue: c.queue.of(own)}
}

// foreign ends the interest in the connection.
func (p *Parser) foreign(counter *uint64) {
	*counter++
	p.drop()
	p.done = true
}

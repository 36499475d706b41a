// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg  *Config
	emit func(*Message)
	flow [2]flow

	channels  map[uint16]*channel
	latest    *channel // and its number: mostly the next frame is of the same
	latestN   uint16
	consumers map[string][]byte // queues by channel and consumer tag
	key       []byte
	waiting   int // publishes that wait for a confirm, on all channels

	now struct { // the segment at hand; zero for lost bytes
		start, end uint64
		tag        Tag
	}
	done bool
}

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment, Skip, EOF and Close; emit must not call it back.
func (c *Config) NewParser(emit func(*Message)) *Parser {
	p := &Parser{cfg: c, emit: emit, channels: map[uint16]*channel{}}
	p.Reset()
	return p
}

// Reset makes the parser ready for another connection. What is pending ends as with
// Close(CloseEvicted).
func (p *Parser) Reset() {
	p.Close(CloseEvicted, 0)
	clear(p.channels)
	clear(p.consumers)
	*p = Parser{
		cfg: p.cfg, emit: p.emit, channels: p.channels, consumers: p.consumers, key: p.key,
		flow: [2]flow{p.flow[Request].reset(), p.flow[Response].reset()},
	}
	p.flow[Response].dir = Response
}

// Opened says, before the first Segment, that the connection is seen from its beginning.
func (p *Parser) Opened() {
	p.flow[Request].state, p.flow[Response].state = atStart, atStart
}

// Done reports that no further bytes are of interest: closed, encrypted, or another version.
func (p *Parser) Done() bool { return p.done }

// Pending is the number of messages that are under way or wait for their confirm.
func (p *Parser) Pending() int {
	n := p.waiting
	for _, ch := range p.channels {
		for d := range ch.in {
			if ch.in[d].active && !ch.in[d].returned {
				n++
			}
		}
		if ch.get.waits {
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

// EOF takes note of a FIN in a direction: after the server's, no confirm comes.
func (p *Parser) EOF(d Direction, ts uint64) {
	if p.done || d > Response {
		return
	}
	if d == Response {
		p.finish(CloseNormal, ts)
		return
	}
	f := &p.flow[d]
	f.state, f.n = lost, 0
}

// Close ends the connection or its tracking.
func (p *Parser) Close(reason CloseReason, ts uint64) {
	if p.done {
		return
	}
	p.finish(reason, ts)
	p.done = true
}

// Idle has nothing to end: a confirm may come at any time.
func (p *Parser) Idle(uint64) {}

// finish ends all channels.
func (p *Parser) finish(reason CloseReason, ts uint64) {
	p.now.start, p.now.end, p.now.tag = ts, ts, Tag{}
	for n, ch := range p.channels {
		p.end(ch, NoConfirm, 0, reason)
		delete(p.channels, n)
	}
	p.latest = nil
	for d := range p.flow {
		p.flow[d].state, p.flow[d].n = lost, 0
	}
}

// foreign ends the interest in the connection.
func (p *Parser) foreign(counter *uint64) {
	*counter++
	p.Close(CloseEvicted, p.now.end)
}

// channel gives a channel, which is made when create is set and there is room.
func (p *Parser) channel(n uint16, create bool) *channel {
	if p.latest != nil && p.latestN == n {
		return p.latest
	}
	ch := p.channels[n]
	if ch == nil {
		if !create || len(p.channels) >= p.cfg.maxChannels {
			return nil
		}
		ch = &channel{}
		ch.in[Request].reset()
		ch.in[Response].reset()
		p.channels[n] = ch
	}
	p.latest, p.latestN = ch, n
	return ch
}

// close ends a channel.
func (p *Parser) close(n uint16, o Outcome, code uint16) {
	if ch := p.channel(n, false); ch != nil {
		p.end(ch, o, code, CloseNone)
		delete(p.channels, n)
		p.latest = nil
	}
}

// end ends what is under way on a channel and what waits for a confirm or an answer.
func (p *Parser) end(ch *channel, o Outcome, code uint16, reason CloseReason) {
	st := p.cfg.stats
	for d := range ch.in {
		if c := &ch.in[d]; c.active {
			if !c.returned {
				st.DropEnded++
			}
			c.reset()
		}
	}
	if ch.get.waits {
		ch.get.waits = false
		st.DropEnded++
	}
	for ch.pending.n > 0 {
		if c := ch.pending.at(0); !c.over {
			p.waiting--
			c.end, c.endTID = p.now.end, 0
			p.emitContent(c, o, code, reason)
		}
		ch.pending.pop()
	}
	if ch.tagged && ch.acked > ch.delivered {
		st.Messages += ch.acked - ch.delivered
		st.DropHiddenDeliveries += ch.acked - ch.delivered
	}
}

// hiddenPublishes counts publishes that a confirm of the number tells of and nobody saw.
func (p *Parser) hiddenPublishes(ch *channel, number uint64) {
	if n := number - min(number, ch.published+ch.hidden); n > 0 {
		ch.hidden += n
		p.cfg.stats.Messages += n
		p.cfg.stats.DropHiddenPublishes += n
	}
}

// content gives the message under way on a channel, or nil.
func (p *Parser) content(d Direction, n uint16) *content {
	if ch := p.channel(n, false); ch != nil && ch.in[d].active {
		return &ch.in[d]
	}
	return nil
}

// emitContent emits a message.
func (p *Parser) emitContent(c *content, o Outcome, code uint16, reason CloseReason) {
	st, m := p.cfg.stats, &p.cfg.msg
	*m = Message{
		Kind: c.kind, Outcome: o, Exchange: c.slice(c.exchange), RoutingKey: c.slice(c.routing), Queue: c.slice(c.queue),
		DeliveryTag: c.deliveryTag, Redelivered: c.redelivered, Size: c.size,
		MessageID: c.slice(c.messageID), CorrelationID: c.slice(c.correlation),
		Traceparent: c.slice(c.traceparent), Tracestate: c.slice(c.tracestate), HeadersCut: c.cut,
		Code: code, Reason: reason, Start: c.start, End: max(c.start, c.end), Tag: c.tag, ResponseTID: c.endTID,
	}
	if c.cut {
		st.HeadersCut++
	}
	st.Emitted++
	p.emit(m)
}

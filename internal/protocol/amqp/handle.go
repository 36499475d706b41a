// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

import "bytes"

// method takes a method frame. f.cut tells that args are not all.
func (p *Parser) method(f *flow, m method, args []byte) {
	if f.hide {
		return
	}
	a := fields{b: args}
	switch m {
	case basicPublish, basicDeliver, basicGetOK, basicReturn:
		p.contentMethod(f, m, a)
	case basicGet:
		if f.dir == Request {
			p.get(f, a)
		}
	case basicGetEmpty:
		if ch := p.channel(f.channel, false); ch != nil && f.dir == Response {
			p.gotNothing(ch)
		}
	case basicConsume:
		if f.dir == Request {
			p.consume(f, a)
		}
	case basicConsumeOK:
		if ch := p.channel(f.channel, false); ch != nil && f.dir == Response && len(ch.consuming) > 0 {
			p.name(f.channel, a.shortstr(), ch.consuming[0])
			ch.consuming = ch.consuming[1:]
		}
	case queueDeclareOK:
		if ch := p.channel(f.channel, true); ch != nil && f.dir == Response {
			ch.declared = append(ch.declared[:0], a.shortstr()...)
		}
	case basicAck, basicNack, basicReject:
		p.settle(f, m, a)
	case confirmSelect:
		if ch := p.channel(f.channel, true); ch != nil && f.dir == Request && ch.confirms == confirmsUnknown {
			ch.confirms, ch.published, ch.hidden = confirmsNumbered, 0, 0
		}
	case channelOpen:
		p.close(f.channel, NoConfirm, 0)
		if ch := p.channel(f.channel, true); ch != nil {
			ch.tagged = true
		}
	case channelClose:
		p.close(f.channel, p.failure(f.dir), closeCode(f.dir, a))
	case channelCloseOK:
		p.close(f.channel, NoConfirm, 0)
	case connectionClose:
		for n := range p.channels {
			p.latest = nil
			p.close(n, p.failure(f.dir), closeCode(f.dir, a))
		}
	}
}

// failure is what a close means for publishes that wait: the server's is an error.
func (p *Parser) failure(d Direction) Outcome {
	if d == Response {
		return Failed
	}
	return NoConfirm
}

func closeCode(d Direction, a fields) uint16 {
	if d == Request {
		return 0
	}
	return a.short()
}

// contentMethod begins a message.
func (p *Parser) contentMethod(f *flow, m method, a fields) {
	st := p.cfg.stats
	if (m == basicPublish) != (f.dir == Request) {
		p.broken(f)
		return
	}
	ch := p.channel(f.channel, true)
	if ch == nil {
		if m != basicReturn {
			st.Messages++
			st.DropOverflow++
		}
		return
	}
	c := &ch.in[f.dir]
	if c.active { // its rest did not come
		p.passed(f.dir, ch)
	}
	c.reset()
	c.active, c.start, c.tag = true, f.start, f.tag
	var exchange, routing, consumer []byte
	switch m {
	case basicPublish:
		c.kind = Publish
		a.short()
		exchange, routing = a.shortstr(), a.shortstr()
		ch.published++
		if ch.confirms == confirmsNumbered {
			c.deliveryTag = ch.published
		}
	case basicDeliver:
		c.kind = Deliver
		consumer = a.shortstr()
		c.deliveryTag, c.redelivered = a.longlong(), a.octet()&1 != 0
		exchange, routing = a.shortstr(), a.shortstr()
	case basicGetOK:
		c.kind = Get
		c.deliveryTag, c.redelivered = a.longlong(), a.octet()&1 != 0
		exchange, routing = a.shortstr(), a.shortstr()
	case basicReturn:
		c.returned = true
		st.Returns++
		return
	}
	got := m == basicGetOK && ch.get.waits // counted when it was asked for
	if !got {
		st.Messages++
	}
	if a.bad {
		c.reset()
		st.DropCut++
		ch.get.waits = ch.get.waits && !got
		return
	}
	c.exchange, c.routing = c.put(exchange), c.put(routing)
	switch {
	case got:
		c.start, c.tag = ch.get.start, ch.get.tag
		c.queue = c.put(ch.get.queue)
		ch.get.waits = false
	case m == basicDeliver:
		if q, ok := p.consumers[string(p.consumerKey(f.channel, consumer))]; ok {
			c.queue = c.put(q)
		} else {
			st.UnknownQueues++
		}
	}
	if m != basicPublish {
		p.number(ch, c.deliveryTag)
	}
}

// number takes note of a delivery tag. Tags have no gaps: what is missing was hidden.
func (p *Parser) number(ch *channel, tag uint64) {
	if ch.tagged && tag > ch.delivered+1 && tag-ch.delivered < 1<<32 {
		p.cfg.stats.Messages += tag - ch.delivered - 1
		p.cfg.stats.DropHiddenDeliveries += tag - ch.delivered - 1
	}
	ch.delivered, ch.tagged = max(tag, ch.delivered), true
}

// header takes a content header.
func (p *Parser) header(f *flow, payload []byte) {
	ch := p.channel(f.channel, false)
	if ch == nil || !ch.in[f.dir].active || ch.in[f.dir].left >= 0 {
		return
	}
	c := &ch.in[f.dir]
	var h properties
	if !h.read(payload, f.cut) {
		if f.cut { // the size is not known, so neither is where the body ends
			c.cut = true
			return
		}
		p.broken(f)
		return
	}
	c.size, c.left, c.cut = h.size, h.size, h.cut
	if !c.returned {
		c.messageID, c.correlation = c.put(h.messageID), c.put(h.correlation)
		c.traceparent, c.tracestate = c.put(h.traceparent), c.put(h.tracestate)
	}
	if c.left == 0 {
		p.passed(f.dir, ch)
	}
}

// body takes a frame of a body.
func (p *Parser) body(f *flow) {
	ch := p.channel(f.channel, false)
	if ch == nil || !ch.in[f.dir].active {
		return
	}
	c := &ch.in[f.dir]
	if c.left < 0 {
		return
	}
	if f.size > c.left {
		p.broken(f)
		return
	}
	if c.frame == 0 {
		c.frame = f.size
	}
	if c.left -= f.size; c.left == 0 {
		p.passed(f.dir, ch)
	}
}

// passed takes a message of which all bytes have passed, or of which no more will be known.
func (p *Parser) passed(d Direction, ch *channel) {
	c := &ch.in[d]
	c.end, c.endTID = p.now.end, p.now.tag.TID
	switch {
	case c.returned:
	case c.kind == Publish && c.deliveryTag > 0:
		c.active = false
		p.await(ch, c)
	default:
		p.emitContent(c, Passed, 0, CloseNone)
	}
	c.reset()
}

// await lets a publish wait for its confirm.
func (p *Parser) await(ch *channel, c *content) {
	q := &ch.pending
	if p.waiting >= p.cfg.maxPending {
		p.cfg.stats.ConfirmsNotAwaited++
		if q.n == 0 {
			p.emitContent(c, Passed, 0, CloseNone)
			return
		}
		p.waiting--
		p.emitContent(q.at(0), Passed, 0, CloseNone)
		q.pop()
		q.sweep()
	}
	p.waiting++
	q.push(c)
}

// settle takes an ack, nack or reject: of a consumer, or the server's confirm.
func (p *Parser) settle(f *flow, m method, a fields) {
	tag, bits := a.longlong(), a.octet()
	if a.bad {
		return
	}
	ch := p.channel(f.channel, false)
	if f.dir == Request {
		p.cfg.stats.Settlements++
		if ch != nil && tag < 1<<62 {
			ch.acked = max(ch.acked, tag)
		}
		return
	}
	if ch == nil || m == basicReject {
		return
	}
	o := Confirmed
	if m == basicNack {
		o = Refused
	}
	q := &ch.pending
	if bits&1 == 0 {
		if q.n > 0 && tag-q.at(0).deliveryTag < uint64(q.n) {
			p.confirm(q.at(int(tag-q.at(0).deliveryTag)), o)
		}
	} else {
		for i := 0; i < q.n && (tag == 0 || q.at(i).deliveryTag <= tag); i++ {
			p.confirm(q.at(i), o)
		}
	}
	q.sweep()
	if ch.confirms == confirmsUnsure && tag < 1<<62 {
		p.hiddenPublishes(ch, tag)
	}
}

// confirm emits a publish that waited.
func (p *Parser) confirm(c *content, o Outcome) {
	if c.over {
		return
	}
	c.over = true
	p.waiting--
	c.end, c.endTID = p.now.end, p.now.tag.TID
	p.emitContent(c, o, 0, CloseNone)
}

// get takes the question for a message.
func (p *Parser) get(f *flow, a fields) {
	st := p.cfg.stats
	st.Messages++
	ch := p.channel(f.channel, true)
	if ch == nil {
		st.DropOverflow++
		return
	}
	if ch.get.waits { // its answer was hidden
		st.DropCut++
	}
	a.short()
	queue := a.shortstr()
	if len(queue) == 0 {
		queue = ch.declared
	}
	g := &ch.get
	g.waits, g.start, g.tag = true, f.start, f.tag
	g.queue = append(g.queue[:0], queue...)
}

// gotNothing takes the answer that there is no message.
func (p *Parser) gotNothing(ch *channel) {
	g := &ch.get
	if !g.waits {
		return
	}
	g.waits = false
	m := &p.cfg.msg
	*m = Message{
		Kind: Get, Outcome: Empty, Queue: g.queue, Size: -1,
		Start: g.start, End: max(g.start, p.now.end), Tag: g.tag, ResponseTID: p.now.tag.TID,
	}
	if len(g.queue) == 0 {
		m.Queue = nil
	}
	p.cfg.stats.Emitted++
	p.emit(m)
}

// consume takes note of the queue that a consumer takes messages from.
func (p *Parser) consume(f *flow, a fields) {
	ch := p.channel(f.channel, true)
	a.short()
	queue, tag := a.shortstr(), a.shortstr()
	if a.bad || ch == nil {
		return
	}
	if len(queue) == 0 {
		queue = ch.declared
	}
	own := bytes.Clone(queue)
	if bits := a.octet(); len(tag) > 0 {
		p.name(f.channel, tag, own)
		if bits&8 != 0 { // no-wait: no consume-ok comes
			return
		}
	}
	if len(ch.consuming) < maxConsuming {
		ch.consuming = append(ch.consuming, own)
	}
}

// name remembers a consumer's queue.
func (p *Parser) name(channel uint16, tag, queue []byte) {
	if len(tag) == 0 || len(queue) == 0 {
		return
	}
	if p.consumers == nil {
		p.consumers = map[string][]byte{}
	}
	if len(p.consumers) >= p.cfg.maxQueues {
		for k := range p.consumers { // any: which are over is not known
			delete(p.consumers, k)
			break
		}
	}
	p.consumers[string(p.consumerKey(channel, tag))] = queue
}

func (p *Parser) consumerKey(channel uint16, tag []byte) []byte {
	p.key = append(append(p.key[:0], byte(channel>>8), byte(channel)), tag...)
	return p.key
}

// abandon gives up the framing of a direction: the messages under way will not be seen to end.
func (p *Parser) abandon(f *flow) {
	f.n = 0
	for _, ch := range p.channels {
		if f.dir == Request && ch.confirms == confirmsNumbered {
			ch.confirms = confirmsUnsure
		}
		if ch.in[f.dir].active {
			p.passed(f.dir, ch)
		}
		if f.dir == Request {
			continue
		}
		// Answers may be hidden, so what a later one belongs to is not known.
		ch.consuming = ch.consuming[:0]
		if ch.get.waits {
			ch.get.waits = false
			p.cfg.stats.DropCut++
		}
	}
}

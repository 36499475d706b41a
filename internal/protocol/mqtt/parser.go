// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

import "encoding/binary"

// Parser follows one connection. It belongs to its Config's goroutine.
type Parser struct {
	cfg     *Config
	emit    func(*Message)
	version version
	flow    [2]flow
	filters []filter
	pending map[uint16]*content // publishes that wait for their answer, by packet identifier
	free    []*content

	now struct { // the segment at hand; zero for lost bytes
		start, end uint64
		tag        Tag
	}
	done bool
}

// span is a part of content.buf.
type span struct{ off, len uint32 }

// content is a message whose topic was seen.
type content struct {
	buf                            []byte
	topic, traceparent, tracestate span
	first                          byte
	id                             uint16
	size                           int64
	cut, unknown                   bool
	start, end                     uint64
	tag                            Tag
	endTID                         uint32
}

// reset keeps the buffer.
func (c *content) reset() {
	buf := c.buf[:0]
	if cap(buf) > keepBuf {
		buf = nil
	}
	*c = content{buf: buf, size: -1}
}

func (c *content) put(b []byte) span {
	s := span{uint32(len(c.buf)), uint32(len(b))}
	c.buf = append(c.buf, b...)
	return s
}

func (c *content) slice(s span) []byte {
	if s.len == 0 {
		return nil
	}
	return c.buf[s.off : s.off+s.len : s.off+s.len]
}

// maxFree bounds the contents that are kept for later messages.
const maxFree = 64

// NewParser returns a parser for one connection, in its beginning or anywhere within. It
// calls emit during Segment, Skip and Close; emit must not call it back.
func (c *Config) NewParser(emit func(*Message)) *Parser {
	p := &Parser{cfg: c, emit: emit, pending: map[uint16]*content{}}
	p.Reset()
	return p
}

// Reset makes the parser ready for another connection. What is pending ends as with
// Close(CloseEvicted).
func (p *Parser) Reset() {
	p.Close(CloseEvicted, 0)
	*p = Parser{
		cfg: p.cfg, emit: p.emit, pending: p.pending, free: p.free, filters: p.filters[:0],
		flow: [2]flow{p.flow[Request].reset(Request), p.flow[Response].reset(Response)},
	}
}

// Opened says, before the first Segment, that the connection is seen from its beginning.
func (p *Parser) Opened() {
	p.flow[Request].state, p.flow[Response].state = atStart, atStart
}

// Done reports that no further bytes are of interest: closed or encrypted.
func (p *Parser) Done() bool { return p.done }

// Pending is the number of messages that are under way or wait for their answer.
func (p *Parser) Pending() int {
	n := len(p.pending)
	for d := range p.flow {
		if p.flow[d].state == inPacket && p.flow[d].read {
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
func (p *Parser) Close(reason CloseReason, ts uint64) {
	if p.done {
		return
	}
	for d := range p.flow {
		p.dropFlow(&p.flow[d])
	}
	for id, c := range p.pending {
		c.end = max(c.end, ts)
		p.emitContent(c, Publish, NoAnswer, 0, reason)
		p.release(id, c)
	}
	p.done = true
}

// Idle has nothing to end: an answer may come at any time.
func (p *Parser) Idle(uint64) {}

// dropFlow gives up what is under way in a direction.
func (p *Parser) dropFlow(f *flow) {
	if f.state == inPacket && f.read {
		p.cfg.stats.DropEnded++
		f.read = false
	}
	f.state = lost
}

// header takes the variable header of a PUBLISH.
func (p *Parser) header(f *flow, h *publish) {
	p.cfg.stats.Messages++
	f.read, f.proven = true, true
	c := &f.msg
	c.reset()
	c.first, c.id, c.start, c.tag = f.first, h.id, f.start, f.tag
	c.cut, c.unknown = h.cut, p.version == versionUnknown
	topic := h.topic
	if h.alias != 0 {
		topic = p.alias(f, h.alias, topic)
	}
	c.topic, c.traceparent, c.tracestate = c.put(topic), c.put(h.traceparent), c.put(h.tracestate)
	if h.length >= 0 {
		c.size = f.size - h.length
	}
}

// alias resolves a topic alias, or sets it (section 3.3.2.3.4).
func (p *Parser) alias(f *flow, alias uint16, topic []byte) []byte {
	if len(topic) == 0 {
		return f.aliases[alias]
	}
	if f.aliases == nil {
		f.aliases = map[uint16][]byte{}
	}
	if _, known := f.aliases[alias]; known || len(f.aliases) < p.cfg.maxAliases {
		f.aliases[alias] = append(f.aliases[alias][:0], topic...)
	}
	return topic
}

// passed takes a message of which all bytes have passed.
func (p *Parser) passed(f *flow) {
	c := &f.msg
	c.end, c.endTID = p.now.end, p.now.tag.TID
	f.read = false
	if f.dir == Response {
		p.emitContent(c, Deliver, Passed, 0, CloseNone)
		return
	}
	if c.id == 0 {
		p.emitContent(c, Publish, Passed, 0, CloseNone)
		return
	}
	if old := p.pending[c.id]; old != nil { // sent again, or its answer was hidden
		p.notAwaited(c.id, old)
	}
	if len(p.pending) >= p.cfg.maxPending {
		for id, old := range p.pending { // any
			p.notAwaited(id, old)
			break
		}
	}
	var own *content
	if n := len(p.free); n > 0 {
		own, p.free = p.free[n-1], p.free[:n-1]
	} else {
		own = &content{}
	}
	*own, *c = *c, *own
	p.pending[own.id] = own
}

func (p *Parser) notAwaited(id uint16, c *content) {
	p.cfg.stats.AnswersNotAwaited++
	p.emitContent(c, Publish, Passed, 0, CloseNone)
	p.release(id, c)
}

func (p *Parser) release(id uint16, c *content) {
	delete(p.pending, id)
	c.reset()
	if len(p.free) < maxFree {
		p.free = append(p.free, c)
	}
}

// failed is the first reason code of a refusal (section 2.4).
const failed = 0x80

// answer takes PUBACK, PUBREC and PUBCOMP.
func (p *Parser) answer(f *flow, b []byte) {
	if len(b) < 2 {
		return
	}
	kind := f.first >> 4
	if f.dir == Request {
		if kind != ptPubrec {
			p.cfg.stats.Settlements++
		}
		return
	}
	var code uint8
	if len(b) > 2 {
		code = b[2]
	}
	if kind == ptPubrec && code < failed {
		return // PUBREL and PUBCOMP follow
	}
	id := binary.BigEndian.Uint16(b)
	c := p.pending[id]
	if c == nil {
		p.cfg.stats.OrphanAnswers++
		return
	}
	o := Acknowledged
	if code >= failed {
		o = Refused
	}
	c.end, c.endTID = p.now.end, p.now.tag.TID
	p.emitContent(c, Publish, o, code, CloseNone)
	p.release(id, c)
}

// emitContent emits a message.
func (p *Parser) emitContent(c *content, k Kind, o Outcome, code uint8, reason CloseReason) {
	st, m := p.cfg.stats, &p.cfg.msg
	*m = Message{
		Kind: k, Outcome: o, Topic: c.slice(c.topic), QoS: c.first >> 1 & 3, Retained: c.first&1 != 0, Dup: c.first&8 != 0,
		ID: c.id, Size: c.size, HeadersCut: c.cut, VersionUnknown: c.unknown,
		Traceparent: c.slice(c.traceparent), Tracestate: c.slice(c.tracestate),
		Code: code, Reason: reason, Start: c.start, End: max(c.start, c.end), Tag: c.tag, ResponseTID: c.endTID,
	}
	if k == Deliver && m.Topic != nil {
		if f := p.match(m.Topic); f != nil {
			m.Group = f.group
			if f.wild {
				m.Filter = f.topic
			}
		}
	}
	if c.cut {
		st.HeadersCut++
	}
	st.Emitted++
	p.emit(m)
}

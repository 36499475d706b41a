// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

import "bytes"

type state uint8

const (
	lost      state = iota // where a control line begins is not known
	atStart                // a control line begins here
	inLine                 // in a control line, which is kept
	skipLine               // in a control line that nobody needs, or must not see
	inPayload              // in headers, payload and their CRLF
)

// flow is one direction.
type flow struct {
	dir   Direction
	state state
	verb  verb   // of the line under way, verbNone until it is whole
	buf   []byte // the line under way, or that of the message under way
	hdr   []byte // headers of the message under way, if they were kept
	cut   bool   // not all of these were seen
	c     control
	left  int64 // bytes of the message to come, with the CRLF
	start uint64
	tag   Tag

	// What holes hide is counted by the messages before them: so many, and their bytes.
	recent, recentBytes int64
	hidden              bool  // lost by a hole
	hiddenBytes         int64 // since then
	told                int64 // messages of these that are counted already
}

// keepBuf is the largest buffer kept for the next connection.
const keepBuf = 4 << 10

// reset keeps the buffers.
func (f *flow) reset() flow {
	var n flow
	if cap(f.buf) <= keepBuf {
		n.buf = f.buf[:0]
	}
	if cap(f.hdr) <= keepBuf {
		n.hdr = f.hdr[:0]
	}
	return n
}

// bytes takes the captured bytes of a segment.
func (p *Parser) bytes(f *flow, b []byte) {
	if encrypted(b) && (f.state == lost || f.state == atStart) {
		p.foreign(&p.cfg.stats.EncryptedConnections)
		return
	}
	for i := 0; i < len(b) && !p.done; {
		switch f.state {
		case lost:
			n, found := resync(f.dir, b[i:], i == 0)
			p.cfg.stats.SkippedBytes += uint64(n)
			i += n
			if f.hidden {
				f.hiddenBytes += int64(n)
			}
			if found {
				p.settle(f)
				f.state = atStart
			}
		case atStart:
			f.start, f.tag = p.now.start, p.now.tag
			f.tag.Seq += uint32(i)
			f.verb = verbNone
			if end := bytes.IndexByte(b[i:], '\n'); end >= 0 {
				line := b[i : i+end]
				i += end + 1
				i += p.control(f, line, b[i:])
				continue
			}
			f.buf = f.buf[:0]
			f.state = inLine
			i += p.line(f, b[i:])
		case inLine:
			i += p.line(f, b[i:])
		case skipLine:
			end := bytes.IndexByte(b[i:], '\n')
			if end < 0 {
				return
			}
			i += end + 1
			f.state = atStart
		case inPayload:
			n := int(min(f.left, int64(len(b)-i)))
			p.payload(f, b[i:i+n])
			i += n
		}
	}
}

// line takes bytes of a line that comes in pieces, and gives their number. Of what may be
// a secret no more than the verb is kept.
func (p *Parser) line(f *flow, b []byte) int {
	for i, c := range b {
		if c == '\n' {
			// The rest of b is not offered: the line is in f.buf, the payload is not.
			p.control(f, f.buf, nil)
			return i + 1
		}
		f.buf = append(f.buf, c)
		if f.verb != verbNone {
			if len(f.buf) > p.cfg.maxLine {
				p.bad(f)
				return i + 1
			}
			continue
		}
		if !isSpace(c) && c != '\r' {
			if !verbPrefix(f.buf) {
				p.bad(f)
				return i + 1
			}
			continue
		}
		switch f.verb, _ = verbOf(f.buf); f.verb {
		case verbNone:
			p.bad(f)
			return i + 1
		case verbConnect, verbInfo, verbErr:
			if f.verb == verbErr {
				p.cfg.stats.ServerErrors++
			}
			f.state = skipLine
			return i + 1
		}
	}
	return len(b)
}

// bad ends a line that is none.
func (p *Parser) bad(f *flow) {
	p.cfg.stats.Undecodable++
	if f.verb.isMessage() {
		p.cfg.stats.Messages++
		p.cfg.stats.DropUndecodable++
	}
	f.state = lost
}

// control takes a line without its LF. rest is what follows it in the same segment; it
// gives the number of bytes that it took of that.
func (p *Parser) control(f *flow, line, rest []byte) int {
	if len(line) == 0 || line[len(line)-1] != '\r' || len(line) > p.cfg.maxLine && line[0]|0x20 != 'i' && line[0]|0x20 != 'c' {
		f.verb, _ = verbOf(line)
		p.bad(f)
		return 0
	}
	line = line[:len(line)-1]
	c := &f.c
	valid := c.read(line)
	f.verb = c.verb
	f.state = atStart
	switch {
	case c.verb == verbForeign:
		p.foreign(&p.cfg.stats.ForeignConnections)
	case !valid, !c.verb.of(f.dir):
		p.bad(f)
	case c.verb == verbErr:
		p.cfg.stats.ServerErrors++
	case c.verb == verbSub:
		p.subscribe(line, c)
	case c.verb == verbUnsub && c.total == 0:
		delete(p.subs, string(c.sid.of(line)))
	case c.verb.isMessage():
		return p.message(f, line, rest)
	}
	return 0
}

// message begins a message. Mostly all of it is in rest: then nothing is copied.
func (p *Parser) message(f *flow, line, rest []byte) int {
	p.cfg.stats.Messages++
	f.left = f.c.total + 2
	f.hdr, f.cut = f.hdr[:0], false
	if f.left <= int64(len(rest)) {
		n := int(f.left)
		if rest[n-2] != '\r' || rest[n-1] != '\n' {
			p.broken(f)
			return 0
		}
		headers := rest[:f.c.headers]
		if int64(p.cfg.maxHeaders) < f.c.headers {
			headers, f.cut = headers[:p.cfg.maxHeaders], true
		}
		p.emitMessage(f, line, headers)
		return n
	}
	if len(f.buf) == 0 || len(line) == 0 || &line[0] != &f.buf[0] {
		f.buf = append(f.buf[:0], line...)
	} else {
		f.buf = f.buf[:len(line)]
	}
	f.state = inPayload
	return 0
}

// broken ends a message whose payload does not end where its line said.
func (p *Parser) broken(f *flow) {
	p.cfg.stats.DropUndecodable++
	p.cfg.stats.Undecodable++
	f.state = lost
}

// payload takes bytes of the message, not more than are left of it.
func (p *Parser) payload(f *flow, b []byte) {
	pos := f.c.total + 2 - f.left
	if pos < f.c.headers {
		part := b[:min(int64(len(b)), f.c.headers-pos)]
		if room := p.cfg.maxHeaders - len(f.hdr); len(part) > room {
			part, f.cut = part[:room], true
		}
		if !f.cut || len(f.hdr) == int(pos) {
			f.hdr = append(f.hdr, part...)
		}
	}
	for i, want := range [2]byte{'\r', '\n'} {
		if at := f.c.total + int64(i) - pos; at >= 0 && at < int64(len(b)) && b[at] != want {
			p.broken(f)
			return
		}
	}
	f.left -= int64(len(b))
	p.ended(f)
}

// ended emits the message if nothing is left of it.
func (p *Parser) ended(f *flow) {
	if f.left > 0 {
		return
	}
	f.state = atStart
	p.emitMessage(f, f.buf, f.hdr)
}

// hole takes note of n bytes that were not captured.
func (p *Parser) hole(f *flow, n int64) {
	if f.state == inPayload {
		if f.c.total+2-f.left < f.c.headers {
			f.cut = true
		}
		part := min(n, f.left)
		f.left -= part
		n -= part
		p.ended(f)
		if n == 0 {
			return
		}
	}
	if f.state != lost {
		p.cfg.stats.Gaps++
	}
	if f.state != lost || !f.hidden && f.recent > 0 {
		f.hidden, f.hiddenBytes, f.told = true, 0, 0
	}
	if f.state == inLine {
		f.hiddenBytes = int64(len(f.buf))
		if f.verb.isMessage() {
			p.cfg.stats.Messages++
			p.cfg.stats.DropCut++
			f.told = 1
		}
	}
	p.cfg.stats.GapBytes += uint64(n)
	f.hiddenBytes += min(n, maxHidden)
	f.state = lost
}

const (
	maxRecent = 1024    // messages of which the mean size is taken
	maxHidden = 1 << 40 // bytes of one hole, above any real one
)

// settle counts the messages between two that were seen. Control lines have no numbers: it is
// as many as the bytes would be if these messages were as large as those before. That is exact
// where all have one size.
func (p *Parser) settle(f *flow) {
	if !f.hidden {
		return
	}
	f.hidden = false
	n := int64(1) // nothing is known of their size
	if f.recent > 0 {
		n = int64(float64(f.hiddenBytes)*float64(f.recent)/float64(f.recentBytes) + 0.5)
	}
	p.cfg.stats.HiddenMessages += uint64(max(0, n-f.told))
}

// emitMessage emits the message of f.c.
func (p *Parser) emitMessage(f *flow, line, headers []byte) {
	c, m := &f.c, &p.cfg.msg
	if f.recent == maxRecent {
		f.recent, f.recentBytes = f.recent/2, f.recentBytes/2
	}
	f.recent++
	f.recentBytes += int64(len(line)) + c.total + 4
	*m = Message{
		Subject: c.subject.of(line), Reply: c.reply.of(line),
		Size: c.total - c.headers, HeaderSize: c.headers, HeadersCut: f.cut,
		Start: f.start, End: p.now.end, Tag: f.tag,
	}
	if f.dir == Response {
		m.Kind = Deliver
		if s, ok := p.subs[string(c.sid.of(line))]; ok {
			m.Subscription, m.Queue = s.subject, s.queue
		} else {
			p.cfg.stats.UnknownSubscriptions++
		}
	}
	if f.cut {
		p.cfg.stats.HeadersCut++
	}
	if len(headers) > 0 {
		m.readHeaders(headers)
	}
	p.cfg.stats.Emitted++
	p.emit(m)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import "encoding/binary"

// block is the header block at hand: a HEADERS or PUSH_PROMISE frame and the CONTINUATION
// frames that follow it, with no other frame between (RFC 9113 section 4.3).
type block struct {
	open     bool
	seen     bool // any block passed in this direction
	cut      bool
	promise  bool
	end      bool // END_STREAM
	id       uint32
	promised uint32
	start    uint64
	tag      Tag
	buf      []byte
}

// headerFrame takes the payload of a HEADERS, PUSH_PROMISE or CONTINUATION frame.
func (p *Parser) headerFrame(d Direction, b []byte) {
	sd := &p.side[d]
	f, bl := &sd.frame, &sd.block
	if f.kind == frameContinuation {
		if !bl.open { // its HEADERS frame was not seen
			bl.seen = true
			p.loseTable(d)
			return
		}
	} else {
		*bl = block{open: true, seen: true, promise: f.kind == framePushPromise, id: f.id, start: f.start, tag: f.tag, buf: bl.buf}
		bl.end = !bl.promise && f.flags&flagEndStream != 0
	}
	b, cut := p.fragment(f, bl, b)
	if bl.cut { // nothing can be read behind what is missing
		b = nil
	}
	bl.cut = bl.cut || cut
	if f.flags&flagEndHeaders != 0 && len(bl.buf) == 0 {
		p.headerBlock(d, b)
		return
	}
	if room := p.cfg.maxHeader - len(bl.buf); len(b) > room {
		b = b[:room]
		if !bl.cut {
			p.cfg.stats.LongBlocks++
		}
		bl.cut = true
	}
	bl.buf = append(bl.buf, b...)
	if f.flags&flagEndHeaders != 0 {
		p.endBlock(d, false)
	}
}

// fragment strips padding, priority and the promised stream from a payload. It reports
// whether a part of the fragment is missing.
func (p *Parser) fragment(f *frame, bl *block, b []byte) ([]byte, bool) {
	left, pad := int64(f.length), int64(0)
	take := func(n int) []byte {
		n = min(n, len(b))
		head := b[:n]
		b = b[n:]
		return head
	}
	if f.kind != frameContinuation && f.flags&flagPadded != 0 {
		left--
		if h := take(1); len(h) == 1 {
			pad = int64(h[0])
		}
	}
	if f.kind == frameHeaders && f.flags&flagPriority != 0 {
		left -= 5
		take(5)
	}
	if f.kind == framePushPromise {
		left -= 4
		if h := take(4); len(h) == 4 {
			bl.promised = binary.BigEndian.Uint32(h) & (1<<31 - 1)
		}
	}
	if left -= pad; left < 0 {
		p.cfg.stats.BadFrames++
		return nil, true
	}
	if int64(len(b)) >= left {
		return b[:left], false
	}
	return b, true
}

// endBlock acts on a block that came in several pieces, or (cut) of which no more will come.
func (p *Parser) endBlock(d Direction, cut bool) {
	bl := &p.side[d].block
	bl.cut = bl.cut || cut
	p.headerBlock(d, bl.buf)
	clear(bl.buf) // may hold credentials
	bl.buf = reusable(bl.buf)
}

// cutShort makes the best of a header block whose rest will not be seen.
func (p *Parser) cutShort(d Direction) {
	sd := &p.side[d]
	if f := &sd.frame; f.open {
		if f.kind == frameData {
			f.open, f.stream = false, nil
		} else {
			f.cut, f.remain = true, 0
			if k := f.kind; k == frameHeaders || k == framePushPromise || k == frameContinuation {
				p.endFrame(d, sd.buf)
			}
			f.open = false
		}
	}
	clear(sd.buf)
	sd.buf = sd.buf[:0]
	if sd.block.open {
		p.endBlock(d, true)
	}
}

// headerBlock decodes a block and acts on it.
func (p *Parser) headerBlock(d Direction, b []byte) {
	bl, c := &p.side[d].block, p.cfg
	bl.open = false
	h := &c.head
	*h = head{of: d}
	st := p.find(bl.id)
	fresh := false
	switch {
	case bl.promise:
		h.of = Request
		st, fresh = c.newStream(), true
	case d == Request && st == nil && bl.id > p.maxID:
		st, fresh = c.newStream(), true
	case d == Request:
		h.trailers, h.trailersKnown = true, true
	case st != nil && st.headSeen && (st.statusKnown || st.body[Response] > 0):
		h.trailers, h.trailersKnown = true, true
	}
	before := 0
	if st != nil {
		before = len(st.buf)
		h.keepIn(c, st, p.bytes)
	}
	cut := p.decode(d, b, h)
	switch {
	case fresh:
		p.request(d, st, h, cut)
	case st == nil:
		if d == Response && h.status && !h.interim {
			c.stats.OrphanResponses++
		}
	default:
		p.bytes += len(st.buf) - before
		st.active = max(st.active, p.now.end)
		st.unknown[d] += h.unknown
		if d == Response {
			p.response(st, h, cut)
		} else if bl.end {
			p.endStream(Request, st)
		}
	}
}

// decode reports whether fields are missing.
func (p *Parser) decode(d Direction, b []byte, h *head) (cut bool) {
	bl, c := &p.side[d].block, p.cfg
	r := c.decodeBlock(&p.side[d].table, b, h)
	switch {
	case bl.cut && r != blockBad:
		c.stats.CutBlocks++
	case r != blockWhole:
		c.stats.BadBlocks++
	default:
		return false
	}
	p.loseTable(d)
	return true
}

// request takes the header of a request, or finds that it is none.
func (p *Parser) request(d Direction, st *stream, h *head, cut bool) {
	bl, c := &p.side[d].block, p.cfg
	st.id = bl.id
	if bl.promise {
		st.id = bl.promised
		if st.id == 0 || st.id&1 != 0 || p.find(st.id) != nil {
			if !bl.cut {
				c.stats.BadFrames++
			}
			c.freeStream(st)
			return
		}
		st.pushed, st.ended[Request], st.end[Request] = true, true, p.now.end
	} else {
		switch {
		case bl.id&1 == 0:
			c.stats.BadFrames++
			c.freeStream(st)
			return
		case h.trailers, !h.pseudo && !p.idsKnown:
			c.stats.UnknownBlocks++
			c.freeStream(st)
			return
		}
		p.maxID, p.idsKnown = bl.id, true
	}
	st.start[Request], st.tag[Request] = bl.start, bl.tag
	st.headCut[Request], st.unknown[Request] = cut, h.unknown
	st.active = p.now.end
	if !p.open(st) {
		return
	}
	if bl.end {
		p.endStream(Request, st)
	}
	if st.id > p.refuse && !st.pushed {
		st.reset = ResetGoAway
		p.finish(st, NoResponse, CloseNone, p.now.end)
	}
}

// response takes a header block of a response: interim, final or trailers.
func (p *Parser) response(st *stream, h *head, cut bool) {
	bl := &p.side[Response].block
	switch {
	case h.interim:
		return
	case h.trailers, st.headSeen && !h.status: // the latter unknown: nothing but trailers ends a stream after a header
	default:
		st.headSeen = true
		st.start[Response], st.tag[Response] = bl.start, bl.tag
		st.headCut[Response] = cut
		if st.connect && st.statusKnown && st.status >= 200 && st.status < 300 {
			st.upgraded = true
			p.finish(st, Complete, CloseNone, p.now.end)
			return
		}
	}
	if bl.end {
		p.endStream(Response, st)
	}
}

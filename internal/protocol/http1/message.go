// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "bytes"

type headResult uint8

const (
	headDone headResult = iota // n bytes are a header section, acted upon
	headMore                   // not whole yet
	headBad                    // not a header section
)

// startHead begins a message in place, or skips bytes that cannot begin one.
func (p *Parser) startHead(d Direction, b []byte) []byte {
	st := &p.dir[d]
	if !st.synced && !st.segStart {
		p.cfg.stats.SkippedBytes += uint64(len(b))
		return nil
	}
	if b = trimBlank(b); len(b) == 0 {
		return nil
	}
	st.start, st.tag = p.now.start, p.now.tag
	st.turn = d == Request && st.segStart && p.last == Response
	view := b[:min(len(b), p.cfg.maxHeader)]
	n, res := p.tryHead(d, view, false)
	if res == headDone {
		return b[n:]
	}
	if res == headBad || p.verdict(d, b) == No {
		p.undecodable(d, len(b))
		return nil
	}
	st.state, st.lineOK, st.line = stHead, false, lineEmpty
	st.buf = append(st.buf[:0], view...)
	st.blankLine(view)
	if len(b) == len(view) {
		return nil
	}
	p.cfg.stats.LongHeads++
	p.cutHead(d)
	return b[len(view):]
}

// moreHead continues a header section that was begun in an earlier segment.
func (p *Parser) moreHead(d Direction, b []byte) []byte {
	st := &p.dir[d]
	end := st.blankLine(b)
	take := b
	if end >= 0 {
		take = b[:end]
	}
	before := len(st.buf)
	if room := p.cfg.maxHeader - before; len(take) > room {
		st.buf = append(st.buf, take[:room]...)
		p.cfg.stats.LongHeads++
		p.cutHead(d)
		return b[room:]
	}
	st.buf = append(st.buf, take...)
	res := headMore
	if end >= 0 {
		st.state = stStart
		_, res = p.tryHead(d, st.buf, false)
	} else if !st.lineOK {
		v := p.verdict(d, st.buf)
		if v == No {
			res = headBad
		}
		st.lineOK = v == Yes && bytes.IndexByte(st.buf, '\n') >= 0
	}
	switch {
	case res == headBad:
		p.undecodable(d, before)
		if st.segStart { // what was begun was none; this segment may begin one
			return p.startHead(d, b)
		}
		p.cfg.stats.SkippedBytes += uint64(len(b))
		return nil
	case end >= 0:
		st.buf = st.freeBuf()
		return b[end:]
	}
	return nil
}

// cutHead makes the best of a header section whose rest will not be seen.
func (p *Parser) cutHead(d Direction) {
	st := &p.dir[d]
	b := st.buf
	st.state, st.synced = stStart, false
	p.cfg.stats.CutHeads++
	if _, res := p.tryHead(d, b, true); res != headDone {
		p.undecodable(d, len(b))
	}
	st.buf = st.freeBuf()
}

func (p *Parser) verdict(d Direction, b []byte) Verdict {
	if d == Response {
		return statusVerdict(b)
	}
	return requestVerdict(b, !p.dir[Request].synced)
}

// startsMessage judges a segment that might end a message whose end is not known.
func (p *Parser) startsMessage(d Direction, b []byte) bool {
	if d == Response {
		return len(b) > minStatusLine && statusVerdict(b) == Yes
	}
	// A body may hold anything: only once an answer is there, or where none is likely, is
	// a request line the next request.
	if p.dir[Request].state == stLost && p.reqOpen && !p.respGap {
		pd := p.q.tail()
		if !pd.bodyless && !pd.responded && (!p.respOpen || p.q.n > 1) {
			return false
		}
	}
	return requestVerdict(b, true) == Yes
}

func (p *Parser) tryHead(d Direction, b []byte, cut bool) (int, headResult) {
	if d == Request {
		return p.requestHead(b, cut)
	}
	return p.responseHead(b, cut)
}

func (p *Parser) undecodable(d Direction, n int) {
	st := &p.dir[d]
	if st.synced {
		if d == Request {
			p.cfg.stats.UndecodableRequests++
		} else {
			p.cfg.stats.UndecodableResponses++
		}
	}
	p.missed(d)
	p.cfg.stats.SkippedBytes += uint64(n)
	st.state, st.synced = stStart, false
}

func (p *Parser) requestHead(b []byte, cut bool) (int, headResult) {
	st := &p.dir[Request]
	var l requestLine
	var ok bool
	lf := bytes.IndexByte(b, '\n')
	switch {
	case lf >= 0:
		l, ok = parseRequestLine(trimCR(b[:lf]))
	case cut:
		l, ok = parseCutRequestLine(b)
		lf = len(b) - 1
	default:
		return 0, headMore
	}
	if !ok {
		return 0, headBad
	}
	pd := &p.cfg.scratch
	if p.q.n < p.cfg.maxPipeline {
		pd = p.q.next()
	} else {
		pd.reset()
	}
	pd.val[valMethod] = pd.put(l.method)
	pd.val[valTarget] = pd.put(l.target)
	f := framing{length: -1}
	n, done := p.cfg.readFields(b[lf+1:], Request, pd, &f, cut)
	if !done && !cut {
		return 0, headMore
	}
	pd.targetCut, pd.reqMinor, pd.reqHeadCut = l.truncated, l.minor, !done
	pd.reqStart, pd.reqTag = st.start, st.tag
	pd.reqCloses, pd.reqKeeps, pd.expect = f.closes, f.keeps, f.expectContinue
	pd.head, pd.connect = string(l.method) == "HEAD", string(l.method) == "CONNECT"
	pd.bodyless = !f.te && f.length <= 0 && (pd.head || string(l.method) == "GET" || string(l.method) == "DELETE" ||
		string(l.method) == "OPTIONS" || string(l.method) == "TRACE")
	p.newRequest(pd, &f, !done)
	return lf + 1 + n, headDone
}

func (p *Parser) responseHead(b []byte, cut bool) (int, headResult) {
	switch statusVerdict(b) {
	case No:
		return 0, headBad
	case NeedMore:
		if cut {
			return 0, headBad
		}
		return 0, headMore
	}
	lf := bytes.IndexByte(b, '\n')
	if lf < 0 {
		if !cut {
			return 0, headMore
		}
		lf = len(b) - 1
	}
	status := uint16(b[9]-'0')*100 + uint16(b[10]-'0')*10 + uint16(b[11]-'0')
	interim := status < 200 && status != 101
	pd := &p.cfg.scratch
	known := !interim && p.answering()
	if known {
		pd = p.q.at(0)
	} else {
		pd.reset()
		pd.put([]byte{0}) // offset 0 means absent
	}
	buf, caps, f := len(pd.buf), len(pd.captured), framing{length: -1}
	n, done := p.cfg.readFields(b[lf+1:], Response, pd, &f, cut)
	if !done && !cut {
		pd.buf, pd.captured, pd.val[valResponseContentType] = pd.buf[:buf], pd.captured[:caps], span{}
		return 0, headMore
	}
	if known {
		p.q.bytes += len(pd.buf) - buf
		pd.status, pd.statusKnown, pd.respMinor = status, true, b[7]-'0'
		pd.respCloses, pd.respKeeps, pd.respCut = f.closes, f.keeps, !done
		pd.respStart, pd.respTag = p.dir[Response].start, p.dir[Response].tag
	} else {
		pd = nil
	}
	if interim {
		p.interim(!done)
	} else {
		p.newResponse(pd, status, &f, !done)
	}
	return lf + 1 + n, headDone
}

// answering reports whether the queue's head is what a final response answers. A response
// may come while the only request's header section is still being sent.
func (p *Parser) answering() bool {
	if p.q.n == 0 && p.ghosts == 0 && p.dir[Request].state == stHead {
		p.cutHead(Request)
	}
	return p.q.n > 0 && !p.q.at(0).responded
}

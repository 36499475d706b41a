// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

// newRequest takes a request whose head is in pd, the queue's free slot or the scratch.
func (p *Parser) newRequest(pd *pending, f *framing, cut bool) {
	st, stats := &p.dir[Request], p.cfg.stats
	stats.Requests++
	if st.turn {
		p.turnAround()
	}
	p.respondedUnseen()
	st.turn, st.soft, st.body, st.chunked = false, false, 0, false
	p.reqOpen = false
	switch {
	case pd == &p.cfg.scratch || p.q.bytes+len(pd.buf) > queuedHeads*p.cfg.maxHeader,
		p.ghosts > 0 && p.ghostsExact && !p.reqGap:
		stats.DropOverflow++
		p.ghostsExact = p.ghosts == 0 && !p.reqGap || p.ghostsExact
		p.ghosts++
	case p.reqGap || p.ghosts > 0 || p.dir[Response].state == stLost:
		stats.DropAmbiguous++
		p.ghosts++
		p.ghostsExact = false
	default:
		p.q.push()
		p.reqOpen = true
	}
	switch {
	case cut:
		st.chunked = f.te && f.chunked
		p.lose(Request, st.chunked)
	case f.te && f.chunked:
		st.beginChunked()
	case f.te:
		stats.BadTransferEncoding++
		p.lose(Request, false)
	case f.badLength:
		stats.BadContentLength++
		p.lose(Request, false)
	case f.length > 0:
		st.state, st.remain = stFixed, f.length
	default:
		p.endMessage(Request)
	}
}

// turnAround draws what a request on a segment start, right after response bytes, proves:
// the response before it is over.
func (p *Parser) turnAround() {
	st := &p.dir[Response]
	if st.state == stLost || !p.respOpen && st.state > stHead && st.state < stEnd {
		p.abandon(Response) // without its request, an orphan's framing is a guess too
	}
	if p.respGap && !p.respOpen {
		p.dropAfter(0, &p.cfg.stats.DropNoStatus)
	}
	p.respGap = false
	if p.q.n == 0 {
		p.reqGap = false
		if !p.ghostsExact {
			p.ghosts = 0
		}
	}
}

// respondedUnseen: where a response may have been missed, a further request makes it
// impossible to tell whose response comes next.
func (p *Parser) respondedUnseen() {
	if !p.respGap {
		return
	}
	p.ghosts += p.q.n
	p.ghostsExact, p.respGap = false, false
	p.dropAfter(0, &p.cfg.stats.DropAmbiguous)
}

// interim passes a 1xx response (RFC 9110 section 15.2): the final one is yet to come.
func (p *Parser) interim(cut bool) {
	st := &p.dir[Response]
	st.state, st.synced = stStart, !cut
	if cut {
		p.missed(Response)
	}
}

// newResponse takes a final response, to pd or, when that is nil, to no known request.
func (p *Parser) newResponse(pd *pending, status uint16, f *framing, cut bool) {
	st, stats := &p.dir[Response], p.cfg.stats
	st.body, st.chunked, st.soft = 0, false, pd == nil
	noBody := status < 200 || status == 204 || status == 304
	upgrade := status == 101
	if pd != nil {
		p.respOpen, p.respGap = true, false
		noBody = noBody || pd.head
		upgrade = upgrade || pd.connect && status < 300
		if p.reqOpen && p.q.n == 1 && p.dir[Request].state == stLost {
			pd.reqEnd = p.dir[Request].lastEnd
		}
		pd.upgraded = upgrade
	} else if p.ghosts > 0 {
		p.ghosts--
		stats.GhostResponses++
	} else {
		stats.OrphanResponses++
	}
	st.noBody = noBody
	switch {
	case upgrade: // no more HTTP, whoever asked for it
		p.upgrade()
	case cut:
		st.chunked = f.te && f.chunked
		p.lose(Response, st.chunked)
	case noBody:
		p.endMessage(Response)
	case f.te && f.chunked:
		st.beginChunked()
	case f.te:
		st.state = stClose
	case f.badLength:
		stats.BadContentLength++
		p.lose(Response, false)
	case f.length > 0:
		st.state, st.remain = stFixed, f.length
	case f.length == 0:
		p.endMessage(Response)
	default:
		st.state = stClose
	}
}

func (p *Parser) upgrade() {
	if p.respOpen {
		p.finish(Complete, CloseNone, p.now.end, p.now.end)
	}
	if p.dir[Request].state == stHead {
		p.cutHead(Request)
	}
	p.dropAfter(0, &p.cfg.stats.DropUpgraded)
	p.done = true
}

// endMessage marks the proven end of the message in progress.
func (p *Parser) endMessage(d Direction) {
	st := &p.dir[d]
	st.state, st.synced = stStart, true
	if d == Request {
		st.soft = false
		if p.reqOpen {
			p.q.tail().reqEnd = p.now.end
			p.closeRequest()
		}
		return
	}
	st.soft = false
	if p.respOpen {
		p.endResponse()
	}
}

// endResponse emits the answered exchange, unless its request is still being sent.
func (p *Parser) endResponse() {
	pd, rs := p.q.at(0), &p.dir[Request]
	if !p.reqOpen || p.q.n > 1 || rs.state == stLost || pd.expect && rs.body == 0 {
		if p.reqOpen && p.q.n == 1 {
			rs.soft = true // the body may follow, or (RFC 9110 section 10.1.1) may not
			pd.reqLost = true
		}
		p.finish(Complete, CloseNone, p.now.end, p.now.end)
		return
	}
	pd.responded, pd.respEnd, pd.respSize = true, p.now.end, p.responseSize()
	p.respOpen = false
	rs.soft = true
}

// closeRequest ends the request in progress, whole or not; reqEnd is set when whole.
func (p *Parser) closeRequest() {
	pd := p.q.tail()
	pd.reqSize = p.dir[Request].body
	p.reqOpen = false
	if pd.responded {
		p.finish(Complete, CloseNone, pd.respEnd, pd.respEnd)
	}
}

func (p *Parser) responseSize() int64 {
	if st := &p.dir[Response]; st.state != stLost || st.noBody {
		return st.body
	}
	return -1
}

// endLost ends a message without framing whose end Last proved.
func (p *Parser) endLost(d Direction) {
	st := &p.dir[d]
	if d == Request {
		if p.reqOpen {
			p.q.tail().reqEnd = p.now.end
			p.closeRequest()
		}
	} else if p.respOpen {
		p.endResponse()
	}
	st.state, st.synced, st.soft = stStart, false, false
}

// lose gives up the framing of the message in progress.
func (p *Parser) lose(d Direction, chunked bool) {
	st := &p.dir[d]
	st.state, st.soft, st.chunked, st.tailLen = stLost, true, chunked, 0
	if d == Request {
		st.noBody = false
		if p.reqOpen {
			p.q.tail().reqLost = true
		}
	}
	p.missed(d)
}

// missed notes that messages of a direction may have passed unseen.
func (p *Parser) missed(d Direction) {
	if d == Request {
		p.reqGap = true
		return
	}
	// A request known to be the only one outstanding can have but one final response, so it
	// may wait. Else whose response comes next is not known.
	p.ghostsExact = false
	keep := 0
	switch {
	case p.respOpen, p.q.n > 0 && p.q.at(0).responded:
		keep = 1
	case p.q.n == 1 && !p.reqGap:
		p.respGap = true
		return
	}
	p.ghosts += max(0, p.q.n-keep)
	p.dropAfter(keep, &p.cfg.stats.DropAmbiguous)
}

// abandon ends the message in progress because of what follows it.
func (p *Parser) abandon(d Direction) {
	st := &p.dir[d]
	if d == Request {
		if p.reqOpen {
			p.closeRequest()
		}
	} else if p.respOpen {
		end := st.lastEnd
		if st.state != stLost {
			end = 0
		}
		p.finish(Truncated, CloseNone, end, max(end, p.q.at(0).respStart))
	}
	st.state, st.synced, st.soft = stStart, false, false
}

// finish emits the queue's head. respEnd is 0 when unknown; ts is the time it was over.
func (p *Parser) finish(o Outcome, r CloseReason, respEnd, ts uint64) {
	pd := p.q.at(0)
	if p.reqOpen && p.q.n == 1 {
		pd.reqSize = p.dir[Request].body
		p.reqOpen = false
	}
	if p.respOpen {
		pd.respEnd, pd.respSize = respEnd, p.responseSize()
		p.respOpen = false
	}
	e := &p.cfg.ex
	pd.fill(e)
	e.Outcome, e.Reason, e.End = o, r, ts
	if pd.respEnd != 0 {
		e.End = pd.respEnd
	}
	p.q.pop()
	p.cfg.stats.Exchanges++
	p.emit(e)
}

// dropAfter counts and forgets all requests but the first keep.
func (p *Parser) dropAfter(keep int, counter *uint64) {
	n := p.q.n - keep
	if n <= 0 {
		return
	}
	*counter += uint64(n)
	p.reqOpen = false
	if keep == 0 {
		p.respOpen = false
	}
	p.q.cut(keep)
}

// flush ends all that is pending, since no response byte will come.
func (p *Parser) flush(reason CloseReason, ts uint64) {
	st := &p.dir[Response]
	if st.state == stHead {
		p.cutHead(Response)
		if p.respOpen { // cut by the end, not by the capture
			p.finish(ResponseCut, reason, 0, ts)
		}
	}
	if p.respOpen {
		switch {
		case st.state == stLost:
			p.finish(Truncated, reason, 0, max(st.lastEnd, p.q.at(0).respStart))
		case st.state == stClose && reason == CloseNormal:
			p.finish(Complete, reason, st.lastEnd, ts)
		default:
			p.finish(ResponseCut, reason, 0, ts)
		}
	}
	if p.q.n > 0 && p.q.at(0).responded {
		p.finish(Complete, reason, p.q.at(0).respEnd, ts)
	}
	if p.respGap {
		p.dropAfter(0, &p.cfg.stats.DropNoStatus)
	}
	for p.q.n > 0 {
		p.finish(NoResponse, reason, 0, ts)
	}
	st.state = stEnd
}

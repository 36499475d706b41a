// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

// legacyNames are the operations of the legacy messages.
var legacyNames = map[int32]string{
	opQuery: "query", opGetMore: "getMore", opInsert: "insert", opUpdate: "update", opDelete: "delete", opKillCursors: "killCursors",
}

// newRequest takes a request whose header is at hand, and tells whether it waits.
func (p *Parser) newRequest(h *header) bool {
	f, stats := &p.dir[Request], p.cfg.stats
	stats.Requests++
	if p.q.n >= p.cfg.maxPipeline {
		stats.DropOverflow++
		return false
	}
	pd := p.q.push()
	pd.id, pd.reqStart, pd.reqTag = h.id, f.start, f.tag
	pd.compressed = h.op == opCompressed
	pd.legacy = h.op != opMsg && !pd.compressed
	pd.vague = true
	switch h.op {
	case opInsert, opUpdate, opDelete, opKillCursors:
		pd.silent = true
	}
	return true
}

// sent acts on the end of a request that waits.
func (p *Parser) sent() {
	m, pd := &p.dir[Request].body, p.q.tail()
	pd.reqEnd, pd.reqSize, pd.whole = p.now.end, m.total+headerLen, true
	if m.flagged {
		pd.vague, pd.silent = false, m.more
	}
	if pd.legacy {
		pd.vague = false
		if m.op != opQuery || pd.addressed && !pd.isCommand {
			pd.named = true
			pd.operation = span{off: uint16(len(pd.buf))}
			pd.keep(&pd.operation, []byte(legacyNames[m.op]))
			pd.cmd = commandTable[legacyNames[m.op]]
		}
	}
	if !pd.silent {
		return
	}
	// Those before it wait for theirs.
	if p.q.n == 1 {
		p.emitPending(pd, NoReply, CloseNone, pd.reqEnd)
		p.q.popHead()
	}
}

// bind finds the request of a response whose header is at hand, and makes it the head of
// the queue. Those before it have had theirs, or have none.
func (p *Parser) bind(h *header) bool {
	stats := p.cfg.stats
	at := -1
	for i := range p.q.n {
		if p.q.at(i).id == h.responseTo {
			at = i
			break
		}
	}
	if at < 0 {
		if p.stream && h.responseTo == p.lastID {
			stats.StreamedResponses++
		} else {
			stats.OrphanResponses++
		}
		return false
	}
	for range at {
		p.passHead()
	}
	p.respGap = false
	pd := p.q.at(0)
	f := &p.dir[Response]
	pd.answering = true
	pd.respStart, pd.respTag = f.start, f.tag
	pd.compressed = pd.compressed || h.op == opCompressed
	return true
}

// passHead ends the oldest request, since a later one is answered.
func (p *Parser) passHead() {
	pd := p.q.at(0)
	if pd.silent || pd.vague && !p.respGap {
		p.emitPending(pd, NoReply, CloseNone, pd.reqEnd)
	} else {
		p.cfg.stats.DropNoStatus++
	}
	p.popHead()
}

// answered acts on the end of a response to the head of the queue.
func (p *Parser) answered() {
	m, pd := &p.dir[Response].body, p.q.at(0)
	pd.respEnd, pd.respSize = p.now.end, m.total+headerLen
	pd.more = m.more
	p.emitPending(pd, Complete, CloseNone, p.now.end)
	p.popHead()
	// Those without a response that were sent behind it are done.
	for p.q.n > 0 && p.q.at(0).silent && p.q.at(0).whole {
		p.emitPending(p.q.at(0), NoReply, CloseNone, p.q.at(0).reqEnd)
		p.popHead()
	}
}

// emitPending hands on a request with what is known of its response.
func (p *Parser) emitPending(pd *pending, o Outcome, r CloseReason, ts uint64) {
	e := &p.cfg.ex
	pd.fill(e)
	e.Outcome, e.Reason, e.End = o, r, ts
	if pd.respEnd != 0 {
		e.End = pd.respEnd
	}
	p.cfg.stats.Exchanges++
	p.emit(e)
}

func (p *Parser) popHead() {
	if p.q.n == 1 {
		p.dir[Request].bound = false
	}
	p.q.popHead()
	if p.q.n == 0 {
		p.respGap = false
	}
}

// dropAll counts what waits as requests whose responses passed unseen.
func (p *Parser) dropAll() {
	for p.q.n > 0 {
		if pd := p.q.at(0); pd.silent {
			p.emitPending(pd, NoReply, CloseNone, pd.reqEnd)
		} else {
			p.cfg.stats.DropNoStatus++
		}
		p.popHead()
	}
}

// flush ends all that is pending, since no byte of the server will come.
func (p *Parser) flush(reason CloseReason, ts uint64) {
	f := &p.dir[Response]
	if f.bound {
		f.bound = false
		pd := p.q.at(0)
		pd.respSize = headerLen + f.body.pos
		p.emitPending(pd, ResponseCut, reason, ts)
		p.popHead()
	}
	if p.respGap {
		p.dropAll()
	}
	for p.q.n > 0 {
		pd := p.q.at(0)
		if pd.silent {
			p.emitPending(pd, NoReply, CloseNone, pd.reqEnd)
		} else {
			p.emitPending(pd, NoResponse, reason, ts)
		}
		p.popHead()
	}
}

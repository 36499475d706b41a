// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

// beginKey begins to keep a key, if keys are wanted and there is room.
func (p *Parser) beginKey() {
	st := &p.req
	st.keyOpen = false
	if !p.cfg.keys || !st.open {
		return
	}
	pd := p.q.tail()
	if len(pd.keys) >= p.cfg.maxKeys || p.q.bytes > queuedKeys*p.cfg.maxKeys*maxKey {
		pd.keysCut = true
		p.cfg.stats.KeysNotKept++
		return
	}
	pd.keys = append(pd.keys, span{uint32(len(pd.buf)), 0})
	st.keyOpen = true
}

func (p *Parser) keepKey(b []byte) {
	if !p.req.keyOpen || !p.req.open {
		return
	}
	pd := p.q.tail()
	k := &pd.keys[len(pd.keys)-1]
	if room := maxKey - int(k.len); len(b) > room {
		pd.keysCut = true
		b = b[:room]
	}
	k.len += uint32(len(b))
	pd.buf = append(pd.buf, b...)
	p.q.bytes += len(b)
}

// hideKey takes note that a hole hides a part of the key.
func (p *Parser) hideKey() {
	st := &p.req
	st.key = 0
	if !st.keyOpen || !st.open {
		return
	}
	pd := p.q.tail()
	pd.keys = pd.keys[:len(pd.keys)-1]
	pd.keysCut = true
	p.cfg.stats.KeysNotKept++
	st.keyOpen = false
}

// newRequest takes a command whose name is at hand.
func (p *Parser) newRequest(proto Protocol) {
	st, stats := &p.req, p.cfg.stats
	stats.Requests++
	if st.turn {
		if p.respGap {
			p.dropAll(&stats.DropNoStatus)
		}
		p.settle()
	}
	if p.respGap || p.resp.state == rsLost {
		// With a further command, whose response comes next cannot be told.
		if p.respGap {
			p.dropAll(&stats.DropAmbiguous)
		}
		p.unsure = true
	}
	if p.unsure || p.q.n >= p.cfg.maxPipeline {
		if p.unsure {
			stats.DropAmbiguous++
		} else {
			stats.DropOverflow++
		}
		p.unsure = true
		return
	}
	st.open = true
	pd := p.q.push()
	pd.cmd, pd.proto, pd.reqStart, pd.reqTag = st.cmd, proto, st.start, st.tag
	if proto == Text && st.cmd != nil && st.cmd.class.meta() {
		pd.proto = Meta
	}
	if proto == Binary {
		pd.opcode, pd.opaque, pd.hasOpaque, pd.quiet = st.header.b[1], st.header.opaque(), true, st.quiet
	}
}

// endCommand acts on a whole command, behind which rest of the bytes at hand stand.
func (p *Parser) endCommand(rest int) {
	st := &p.req
	size := st.size + int64(max(0, st.chunk-rest))
	st.state, st.synced = rqStart, true
	p.run++
	if !st.open {
		return
	}
	st.open = false
	pd := p.q.tail()
	pd.reqEnd, pd.reqSize = p.now.end, size
	p.known(pd)
	p.runQueued++
	c := pd.class()
	silent := c == classQuit || pd.proto == Text && c != classGet && c != classGat && st.noreply
	if silent {
		p.runQueued--
		p.emitPending(pd, NoReply, CloseNone, p.now.end)
		p.q.popTail()
	}
}

// known notes what the whole line or header told.
func (p *Parser) known(pd *pending) {
	st := &p.req
	pd.keyCount = st.keys
	pd.key, pd.hasKey = st.key, st.keys > 0 && st.key != 0
	pd.quiet = st.quiet
	if pd.proto == Meta {
		pd.opaque, pd.hasOpaque = st.opaque, st.hasOpq
	}
	if st.data > 0 && (pd.class() == classStore || pd.class() == classMetaSet) {
		pd.values = st.data
	}
}

// closeRequest ends the command at hand before its end was seen.
func (p *Parser) closeRequest() {
	st := &p.req
	if !st.open {
		return
	}
	st.open = false
	pd := p.q.tail()
	if !pd.reqCut {
		pd.reqSize = st.size
	}
	if st.state != rqLine {
		p.known(pd)
	}
}

// bind finds the command that a response answers, makes it the queue's head, and reports
// whether there is one. Quiet commands before it had no response.
func (p *Parser) bind() bool {
	rs := &p.resp
	if rs.multi {
		return rs.bound
	}
	if p.q.n == 0 {
		p.cfg.stats.OrphanResponses++
		return false
	}
	first, found := -1, 0
	must := false // a command that must have a response is among those found
	for i := range p.q.n {
		pd := p.q.at(i)
		if p.answers(pd) {
			if found++; first < 0 {
				first = i
			}
			must = !pd.quiet
		}
		if !pd.quiet {
			break
		}
	}
	switch {
	case found == 0:
		p.mismatch()
		return false
	case found > 1 && must:
		p.dropAll(&p.cfg.stats.DropAmbiguous)
		p.unsure = true
		return false
	case found > 1:
		for i := range p.q.n {
			pd := p.q.at(i)
			pd.vague = pd.vague || p.answers(pd)
			if !pd.quiet {
				break
			}
		}
		return false
	}
	for range first {
		p.suppressed()
	}
	pd := p.q.at(0)
	pd.begun, pd.respStart, pd.respTag, pd.respSize = true, rs.start, rs.tag, 0
	pd.vague = false
	if c := pd.class(); p.respGap && (c == classGet || c == classGat || c == classStats) && !rs.binary {
		pd.respCut, pd.respStart = true, 0 // of its lines, some may have passed unseen
	}
	rs.bound, p.respGap = true, false
	return true
}

// answers reports whether the response at hand can be that of pd.
func (p *Parser) answers(pd *pending) bool {
	rs := &p.resp
	if rs.binary {
		return pd.proto == Binary && pd.opcode == rs.header.b[1] && pd.opaque == rs.opaque && (!rs.hasKey || !pd.hasKey || pd.key == rs.key || pd.class() == classStats)
	}
	if pd.proto == Binary || !pd.class().may(rs.answer, pd.quiet) {
		return false
	}
	if rs.answer == answerError {
		return true
	}
	return pd.hasOpaque == rs.hasOpq && (!rs.hasOpq || pd.opaque == rs.opaque) && (!rs.hasKey || pd.key == rs.key)
}

// suppressed ends the queue's head, a quiet command that had no response.
func (p *Parser) suppressed() {
	pd := p.q.at(0)
	c := pd.class()
	// The text protocol suppresses a miss of md and ma like a success.
	if !pd.vague && c != classMetaDelete && c != classMetaCount {
		pd.statusKnown = true
		pd.miss = c == classGet || c == classGat || c == classMetaGet
		if !pd.miss {
			pd.hits = pd.keyCount
		}
	}
	p.emitPending(pd, Quiet, CloseNone, p.now.end)
	p.popHead()
}

// mismatch: no waiting command can have the response at hand, so the pairing is wrong.
func (p *Parser) mismatch() {
	p.cfg.stats.Mismatches++
	p.dropAll(&p.cfg.stats.DropAmbiguous)
	p.unsure = true
	p.resp.bound, p.resp.multi = false, false
}

// settle ends what was lost. With nothing outstanding, pairing starts anew.
func (p *Parser) settle() {
	rs := &p.resp
	if rs.state == rsLost {
		p.emitPending(p.q.at(0), Truncated, CloseNone, rs.lastEnd)
		p.popHead()
		rs.state = rsStart
	} else if rs.state != rsStart && rs.state != rsEnd && !rs.bound && p.q.n == 0 { // an orphan's framing is a guess
		rs.state, rs.synced = rsStart, false
	}
	if p.q.n == 0 {
		p.unsure = false
	}
}

// missed notes that responses may have passed unseen.
func (p *Parser) missed() {
	rs := &p.resp
	rs.state, rs.synced, rs.multi, rs.bound = rsStart, false, false, false
	switch {
	case p.q.n == 0:
	case p.q.n == 1 && !p.unsure && !p.q.at(0).begun && !p.q.at(0).quiet:
		p.respGap = true
	default:
		p.dropAll(&p.cfg.stats.DropAmbiguous)
		p.unsure = true
	}
}

// emitPending hands on a command with what is known of its response.
func (p *Parser) emitPending(pd *pending, o Outcome, r CloseReason, ts uint64) {
	if pd.respCut || !pd.begun {
		pd.respSize = -1
	}
	pd.fill(p.cfg)
	e := &p.cfg.ex
	e.Outcome, e.Reason, e.End = o, r, ts
	if pd.respEnd != 0 {
		e.End = pd.respEnd
	}
	p.cfg.stats.Exchanges++
	p.emit(e)
}

func (p *Parser) popHead() {
	if p.q.n == 1 {
		p.req.open = false
	}
	p.q.popHead()
}

func (p *Parser) dropTail(counter *uint64) {
	p.req.open = false
	*counter++
	p.q.popTail()
}

func (p *Parser) dropAll(counter *uint64) {
	for p.q.n > 0 {
		p.dropTail(counter)
	}
	p.respGap = false
}

// endRun closes a run of commands, since bytes of the server come.
func (p *Parser) endRun() {
	if p.run == 0 {
		return
	}
	tail := p.q.n
	if p.req.open {
		tail--
	}
	for i := max(0, tail-p.runQueued); i < tail; i++ {
		p.q.at(i).batch = int32(min(p.run, 1<<30))
	}
	p.run, p.runQueued = 0, 0
}

// flush ends all that is pending, since no byte of the server will come.
func (p *Parser) flush(reason CloseReason, ts uint64) {
	rs := &p.resp
	p.endRun()
	if rs.state == rsLost {
		p.emitPending(p.q.at(0), Truncated, reason, max(rs.lastEnd, p.q.at(0).respStart))
		p.popHead()
	} else if rs.state != rsStart && rs.bound {
		p.q.at(0).respSize += rs.size
	}
	if p.respGap {
		p.dropAll(&p.cfg.stats.DropNoStatus)
	}
	rs.state, rs.bound, rs.multi = rsEnd, false, false
	for p.q.n > 0 {
		o := NoResponse
		if p.q.at(0).begun {
			o = ResponseCut
		}
		p.emitPending(p.q.at(0), o, reason, ts)
		p.popHead()
	}
}

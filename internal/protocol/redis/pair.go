// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

// newRequest takes a command whose name is at hand; nil when it is dropped.
func (p *Parser) newRequest() *pending {
	st, stats := &p.req, p.cfg.stats
	stats.Requests++
	if st.turn {
		p.turnAround()
	}
	if p.respGap || p.rep.state == rsLost {
		// With a further command, whose reply comes next cannot be told.
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
		p.db, p.tx = -1, txUnknown
		return nil
	}
	st.open = true
	return p.q.push()
}

// turnAround draws what a command on a segment start, right after bytes of the server,
// proves: the reply before it is over.
func (p *Parser) turnAround() {
	if p.respGap {
		p.dropAll(&p.cfg.stats.DropNoStatus)
	}
	p.settle()
}

// settle ends what was lost. With nothing outstanding, pairing starts anew.
func (p *Parser) settle() {
	rs := &p.rep
	switch {
	case rs.state == rsLost:
		p.emitPending(p.q.at(p.q.acked), Truncated, CloseNone, rs.lastEnd)
		p.popTarget()
		rs.state = rsStart
	case rs.begun && rs.means == meansOrphan: // its framing is a guess too
		rs.state, rs.begun, rs.left, rs.synced = rsStart, false, 0, false
	}
	if p.q.waiting() == 0 && !rs.begun && p.rep.exec == 0 {
		p.unsure = false
	}
}

// target is the command that the value at hand answers, nil if there is none.
func (p *Parser) target() *pending {
	switch {
	case p.rep.exec > 0:
		return p.q.at(0)
	case p.q.waiting() > 0:
		return p.q.at(p.q.acked)
	}
	return nil
}

// popTarget forgets it; while older ones wait for EXEC, it is only marked.
func (p *Parser) popTarget() {
	q := &p.q
	i := q.acked
	if p.rep.exec > 0 {
		i = 0
	}
	if p.req.open && i == q.n-1 {
		p.req.open = false
	}
	if i == 0 {
		q.popHead()
		q.sweep()
		return
	}
	q.at(i).over = true
	q.acked++
	q.overs++
}

// begin pairs a value with its command.
func (p *Parser) begin(elements int64) {
	rs := &p.rep
	k := rs.kind
	rs.top, rs.topN = k, elements
	pd := p.target()
	if pd == nil {
		rs.means = meansOrphan
		return
	}
	if pd.cmd != nil && pd.cmd.kinds != 0 && pd.cmd.kinds&k.bit() == 0 && k != KindError && k != KindBulkError && !p.saysQueued() {
		p.cfg.stats.Mismatches++
		rs.exec = 0
		p.dropAll(&p.cfg.stats.DropAmbiguous)
		p.unsure = true
		p.tx, p.db = txUnknown, -1
		rs.means = meansOrphan
		return
	}
	if p.respGap && (pd.cmd == nil || pd.cmd.kinds == 0 || pd.cmd.kinds&(canList|canMap) != 0) {
		// It may be an element of a reply whose beginning passed unseen.
		p.dropAll(&p.cfg.stats.DropNoStatus)
		p.unsure = true
		rs.means = meansOrphan
		return
	}
	rs.means = meansReply
	p.respGap = false
	pd.kind, pd.elements, pd.respStart, pd.respTag = k, elements, rs.start, rs.tag
}

// saysQueued reports whether the reply is MULTI's +QUEUED.
func (p *Parser) saysQueued() bool {
	rs := &p.rep
	return rs.top == KindSimple && rs.exec == 0 && p.tx != txNone && !rs.word.over && string(rs.word.bytes()) == "QUEUED"
}

// beginExec begins EXEC's reply if its elements are known to be the results of the queue.
func (p *Parser) beginExec(n int64) bool {
	rs := &p.rep
	pd := p.target()
	if pd == nil || rs.exec > 0 || rs.kind != KindArray || pd.role() != roleExec || p.q.acked == 0 {
		return false
	}
	if n == 0 || n != int64(p.q.acked-p.q.overs) {
		p.dropQueued(&p.cfg.stats.DropAmbiguous)
		return false
	}
	rs.exec, rs.execN, rs.execSize, rs.execStart, rs.execTag = n, n, rs.size, rs.start, rs.tag
	rs.begun, rs.synced = false, true
	return true
}

// valueDone ends the value at hand if nothing of it is to come.
func (p *Parser) valueDone() {
	rs := &p.rep
	if rs.left > 0 || p.done {
		return
	}
	if rs.synced = true; rs.attr {
		rs.attr = false
		return
	}
	rs.begun = false
	inExec, over := rs.exec > 0, true
	switch rs.means {
	case meansPush:
		p.cfg.stats.Pushes++
		over = false
	case meansConfirm:
		over = p.confirmed()
	case meansReply:
		p.replied()
	default:
		p.cfg.stats.OrphanReplies++
	}
	if !inExec || p.done {
		return
	}
	rs.execSize += rs.size
	if !over {
		return
	}
	if rs.exec--; rs.exec == 0 {
		pd := p.q.at(0)
		p.fillExec(pd)
		pd.respSize, pd.respEnd = rs.execSize, p.now.end
		p.tx = txNone
		p.emitPending(pd, Complete, CloseNone, p.now.end)
		p.popTarget()
	}
}

func (p *Parser) fillExec(pd *pending) {
	rs := &p.rep
	pd.kind, pd.elements, pd.respStart, pd.respTag = KindArray, rs.execN, rs.execStart, rs.execTag
}

// replied ends a reply.
func (p *Parser) replied() {
	rs := &p.rep
	pd := p.target()
	if p.saysQueued() {
		pd.queued, pd.kind, pd.respStart, pd.respTag = true, KindNone, 0, Tag{}
		if p.req.open && p.q.acked == p.q.n-1 {
			p.closeRequest()
		}
		p.q.acked++
		return
	}
	if (rs.top == KindError || rs.top == KindBulkError) && isPrefix(&rs.word) {
		pd.prefixLen = uint8(copy(pd.prefix[:], rs.word.bytes()))
	}
	pd.respSize = rs.size
	p.complete(pd)
}

func isPrefix(w *word) bool {
	for _, c := range w.bytes() {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return w.n > 0 && w.n <= maxPrefix && !w.over
}

// complete emits the answered command and does to the connection what it did.
func (p *Parser) complete(pd *pending) {
	r, ok := pd.role(), pd.kind != KindError && pd.kind != KindBulkError
	number := pd.number
	if p.rep.exec == 0 {
		p.endTransaction(r, ok)
		pd = p.target()
	}
	pd.respEnd = p.now.end
	p.emitPending(pd, Complete, CloseNone, p.now.end)
	p.popTarget()
	if !ok {
		return
	}
	switch r {
	case roleSelect:
		p.db = number
	case roleReset:
		p.db, p.subscribed = 0, [2]bool{}
	case roleMonitor, roleSync:
		p.end()
	}
}

// endTransaction acts on a reply other than QUEUED outside of EXEC's.
func (p *Parser) endTransaction(r role, ok bool) {
	switch {
	case r == roleExec, ok && (r == roleDiscard || r == roleReset):
		for p.q.acked > 0 { // EXEC's null or error: aborted
			if pd := p.q.at(0); !pd.over {
				p.emitPending(pd, NotExecuted, CloseNone, p.now.end)
			}
			p.q.popQueued()
		}
		p.tx = txNone
	case !ok || r == rolePubSubOnly:
	case r == roleMulti:
		p.dropQueued(&p.cfg.stats.DropNoStatus) // of an earlier one, whose end passed unseen
		p.tx = txOpen
	case p.q.acked > 0:
		p.dropQueued(&p.cfg.stats.DropNoStatus)
		p.tx = txUnknown
	}
}

// emitPending hands on a command with what is known of its reply.
func (p *Parser) emitPending(pd *pending, o Outcome, r CloseReason, ts uint64) {
	e := &p.cfg.ex
	pd.fill(p.cfg)
	e.DB, e.Outcome, e.Reason, e.End = p.db, o, r, ts
	if pd.respEnd != 0 {
		e.End = pd.respEnd
	}
	p.cfg.stats.Exchanges++
	p.emit(e)
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

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

// missed notes that replies may have passed unseen between two values.
func (p *Parser) missed() {
	rs := &p.rep
	rs.state, rs.synced = rsStart, false
	switch n := p.q.waiting(); {
	case n == 0:
	case n == 1 && p.q.acked == 0 && !p.unsure && p.q.at(0).respStart == 0:
		p.respGap = true
	default:
		p.dropAll(&p.cfg.stats.DropAmbiguous)
		p.unsure = true
		p.db, p.tx = -1, txUnknown
	}
}

// loseExec keeps EXEC, whose reply's end is not known, without the results in it.
func (p *Parser) loseExec() {
	p.fillExec(p.q.at(p.q.acked))
	p.rep.exec = 0
	p.dropQueued(&p.cfg.stats.DropNoStatus)
	p.dropBut(&p.cfg.stats.DropAmbiguous)
	p.rep.state, p.rep.means = rsLost, meansReply
	p.tx, p.db = txNone, -1
}

// dropBut keeps only the command being answered.
func (p *Parser) dropBut(counter *uint64) {
	p.dropQueued(counter)
	for p.q.n > 1 {
		p.unsure = true
		p.db, p.tx = -1, txUnknown
		p.dropTail(counter)
	}
}

func (p *Parser) dropTail(counter *uint64) {
	p.req.open = false
	if !p.q.tail().over {
		*counter++
	} else {
		p.q.overs--
	}
	p.q.popTail()
}

// dropQueued forgets the commands that wait for EXEC.
func (p *Parser) dropQueued(counter *uint64) {
	for p.q.acked > 0 {
		if !p.q.at(0).over {
			*counter++
		}
		p.q.popQueued()
	}
}

// dropAll forgets all commands.
func (p *Parser) dropAll(counter *uint64) {
	p.dropQueued(counter)
	for p.q.n > 0 {
		p.dropTail(counter)
	}
	p.respGap = false
}

// end ends tracking: what follows are no more commands and replies.
func (p *Parser) end() {
	p.dropAll(&p.cfg.stats.DropEnded)
	p.done = true
}

// flush ends all that is pending, since no byte of the server will come.
func (p *Parser) flush(reason CloseReason, ts uint64) {
	rs := &p.rep
	p.endRun()
	if rs.state == rsLost {
		p.emitPending(p.q.at(p.q.acked), Truncated, reason, max(rs.lastEnd, p.q.at(p.q.acked).respStart))
		p.popTarget()
	}
	if rs.exec > 0 {
		p.fillExec(p.q.at(p.q.acked))
		p.q.at(p.q.acked).respSize = rs.execSize
	}
	if rs.left > 0 && rs.means == meansReply {
		p.target().respSize = rs.size
	}
	rs.exec, rs.left, rs.begun = 0, 0, false
	if p.respGap {
		p.dropAll(&p.cfg.stats.DropNoStatus)
	}
	p.req.open = false
	for p.q.n > 0 {
		pd := p.q.at(0)
		switch {
		case pd.over:
			p.q.overs--
		case pd.kind != KindNone:
			p.emitPending(pd, ResponseCut, reason, ts)
		default:
			p.emitPending(pd, NoResponse, reason, ts)
		}
		p.q.popHead()
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

// backend takes the wanted part of a message; what is cut ends early.
func (p *Parser) backend(typ byte, b []byte) {
	switch typ {
	case 'N', 'S', 'A', 'K', 'v', 'R': // may come at any time, or in the startup
		return
	case 'Z':
		if len(b) == 1 {
			p.tx = b[0]
		}
		p.readyForQuery()
		p.tx = 0
		return
	}
	p.ready = false
	if p.q.n == 0 {
		p.orphan(typ)
		return
	}
	it := p.q.at(0)
	p.answer(it)
	switch {
	case p.skipping:
		p.mismatch() // only asynchronous messages come before ReadyForQuery
	case typ == 'E':
		p.errorResponse(it, b)
	case it.kind == kindBarrier:
		p.mismatch()
	case p.head.lost && !it.ends() && p.q.n > 1 && p.q.at(1).kind != kindBarrier:
		// Which of several operations this answers was hidden.
	case it.ends():
		p.simple(it, typ, b)
	default:
		p.extended(it, typ, b)
	}
}

func (p *Parser) answer(it *item) {
	if it.answered {
		it.respEnd = p.now.end
		return
	}
	st := &p.dir[Response]
	it.answered = true
	it.respStart, it.respTag, it.respEnd = st.start, st.tag, p.now.end
	if st.state == stLost {
		it.respStart, it.respTag = 0, Tag{}
	}
}

// orphan counts a response without a known request.
func (p *Parser) orphan(typ byte) {
	p.head.size = 0
	switch typ {
	case 'E':
		if p.starting {
			p.cfg.stats.StartupErrors++
			return
		}
		p.cfg.stats.OrphanResponses++
	case 'C', 'I', 's', 'V':
		p.cfg.stats.OrphanResponses++
	}
}

// mismatch gives up pairing: the response cannot be that of the request.
func (p *Parser) mismatch() {
	p.cfg.stats.UnexpectedResponses++
	p.dropAll()
	p.reqGap = true
}

// simple takes a response to Query or FunctionCall.
func (p *Parser) simple(it *item, typ byte, b []byte) {
	h := &p.head
	h.whole = false
	switch typ {
	case 'D':
		h.rows++
	case 'C':
		p.commandComplete(b)
	case 'I':
		h.whole = true
	case 'G', 'H', 'W':
		h.copy = true
	case 'V':
		h.whole = true
		if it.kind != KindFunction {
			p.mismatch()
		}
	case '1', '2', '3', 't', 'n', 's':
		p.mismatch()
	}
}

// extended takes a response to a unit of the extended protocol.
func (p *Parser) extended(it *item, typ byte, b []byte) {
	h := &p.head
	var left *uint16
	switch typ {
	case 'D':
		h.rows++
		return
	case 'G', 'H', 'W':
		h.copy = true
		return
	case '1':
		left = &it.parse
	case '2':
		left = &it.bind
	case '3':
		left = &it.close
	case 'T', 'n':
		left = &it.describe
	case 'C', 'I', 's':
		left = &it.exec
		if it.partial && it.exec == 0 { // only an Execute is answered so
			it.kind, it.exec = KindExecute, 1
		}
	default: // t, d, c
		return
	}
	switch {
	case *left > 0:
		*left--
	case !it.partial && !h.lost:
		p.mismatch()
		return
	}
	switch typ {
	case 'C':
		p.commandComplete(b)
	case 's':
		rows := h.rows
		if h.lost {
			rows = -1
		}
		h.suspended = true
		p.result(nil, rows)
	}
	executed := left == &it.exec
	if executed || !it.waits() && !(p.open && p.q.n == 1) && !it.partial {
		p.finish(Complete, CloseNone, p.now.end, p.now.end)
	}
}

// commandComplete reads a command tag: words, then for some commands numbers of which the
// last counts rows.
func (p *Parser) commandComplete(b []byte) {
	tag, _, _ := cstring(b)
	command, rows := tag, int64(-1)
	if words := trimDigits(tag); len(words) < len(tag) && len(words) > 0 && words[len(words)-1] == ' ' && len(tag)-len(words) < 19 {
		rows = 0
		for _, c := range tag[len(words):] {
			rows = rows*10 + int64(c-'0')
		}
		n := len(words)
		for n > 0 && (words[n-1] == ' ' || isDigit(words[n-1])) { // INSERT has an object number too
			n--
		}
		command = words[:n]
	}
	switch string(tag) {
	case "DISCARD ALL", "DEALLOCATE ALL", "PREPARE": // change which name means which text
		p.dropStatements()
	}
	p.result(command, rows)
}

func (p *Parser) result(command []byte, rows int64) {
	h := &p.head
	h.whole = true
	h.rows = 0
	if h.statements < maxResults {
		r := &p.results[h.statements]
		r.n, r.rows = uint8(copy(r.command[:], command)), rows
	}
	h.statements++
}

// errorResponse reads the fields of an error (chapter "Error and Notice Message Fields").
func (p *Parser) errorResponse(it *item, b []byte) {
	h := &p.head
	h.failed = true
	for len(b) > 1 && b[0] != 0 {
		field := b[0]
		value, rest, ok := cstring(b[1:])
		if !ok {
			break
		}
		switch field {
		case 'S', 'V': // V follows S and is not localised
			h.sevLen = uint8(copy(h.severity[:], value))
		case 'C':
			if len(value) == len(h.code) {
				h.codeLen = uint8(copy(h.code[:], value))
			}
		}
		b = rest
	}
	switch {
	case it.kind == kindBarrier:
		// The commit in Sync failed: an operation that only now shows itself.
		p.cfg.stats.Requests++
		p.q.syncs--
		it.kind = KindSync
	case !it.ends():
		// What is still on its way up to the Sync is discarded by the server.
		p.finish(Complete, CloseNone, p.now.end, p.now.end)
		p.skipping = true
	}
}

// readyForQuery ends all up to the Query, FunctionCall or Sync that it answers.
func (p *Parser) readyForQuery() {
	skip, lost, whole := p.skipping, p.head.lost, p.head.whole || p.head.failed
	p.skipping, p.starting, p.ready = false, false, true
	if p.q.n > 0 && p.q.barriers == 0 && !p.reqGap && !skip {
		p.mismatch()
	}
	for end := false; p.q.n > 0 && !end; {
		it := p.q.at(0)
		end = it.kind == kindBarrier || it.kind == KindSync || !skip && it.ends()
		switch {
		case it.kind == kindBarrier:
			p.remove()
			continue
		case skip:
			p.head = head{}
			p.finish(Skipped, CloseNone, p.now.end, p.now.end)
			continue
		}
		p.answer(it)
		switch {
		case lost && !(whole && it.ends()):
			p.finish(Truncated, CloseNone, p.now.end, p.now.end)
		case it.ends(), it.partial:
			p.finish(Complete, CloseNone, p.now.end, p.now.end)
		default: // its response must have come before
			p.cfg.stats.UnexpectedResponses++
			p.cfg.stats.DropAmbiguous++
			p.remove()
		}
	}
	if p.q.n == 0 {
		p.head = head{}
		if p.tx == 'I' {
			p.dropPortals()
		}
	} else {
		p.head.lost = false
	}
}

// missedResponses notes that responses may have passed unseen.
func (p *Parser) missedResponses() {
	h := &p.head
	h.lost, h.whole, p.ready = true, false, false
	if p.q.barriers > 1 {
		p.dropAll()
		p.reqGap = true
	}
}

// maxBack bounds the search for the message before the last one.
const maxBack = 1 << 10

// findEnd looks for ReadyForQuery at the end of bytes whose framing was lost, and for the
// CommandComplete or ErrorResponse that ends where it begins.
func (p *Parser) findEnd(b []byte) {
	end := len(b) - 6
	if end < 0 || b[end] != 'Z' || be32(b[end+1:]) != 5 || !validStatus(b[end+5]) {
		return
	}
	for i := end - 6; i >= max(0, end-maxBack); i-- {
		if (b[i] == 'C' || b[i] == 'E') && int64(be32(b[i+1:])) == int64(end-i-1) && verdict(Response, b[i:end]) == Yes {
			body := b[i+headerLen : end]
			p.backend(b[i], body)
			break
		}
	}
	p.backend('Z', b[end+5:])
	p.dir[Response].state = stHeader
}

func validStatus(c byte) bool { return c == 'I' || c == 'T' || c == 'E' }

// turnAround draws what a request on a segment start, right after the responses, proves:
// nothing is outstanding.
func (p *Parser) turnAround() {
	st := &p.dir[Response]
	if st.state == stLost {
		p.endQueue(CloseNone, st.lastEnd, Truncated)
		st.sure = true
	}
	if p.q.n == 0 {
		p.reqGap, p.overflow, p.ghost = false, false, nil
	}
}

// endQueue ends all that is pending. The head has the outcome o, if it was answered.
func (p *Parser) endQueue(r CloseReason, ts uint64, o Outcome) {
	for p.q.n > 0 {
		it := p.q.at(0)
		switch {
		case it.kind == kindBarrier:
			p.remove()
			p.skipping = false
			continue
		case p.skipping:
			p.head = head{}
			p.finish(Skipped, r, 0, ts)
			continue
		case it.answered && !it.waits() && !it.ends():
			p.finish(Complete, r, it.respEnd, it.respEnd)
		case it.answered && p.head.failed:
			p.finish(Complete, r, it.respEnd, it.respEnd)
		case o == Truncated:
			p.finish(Truncated, r, ts, ts)
		case it.answered:
			p.finish(ResponseCut, r, 0, ts)
		default:
			p.finish(NoResponse, r, 0, ts)
		}
	}
	p.open, p.skipping, p.head = false, false, head{}
}

// flush ends all that is pending, since no response byte will come.
func (p *Parser) flush(r CloseReason, ts uint64) {
	st := &p.dir[Response]
	p.head.size -= st.remain
	o := ResponseCut
	if st.state == stLost && p.head.lost && st.lastEnd > 0 {
		o = Truncated
	}
	p.endQueue(r, ts, o)
	st.state = stEnd
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

// maxScript is the longest name of a stored script that is kept; digests have 40 bytes.
const maxScript = 64

// beginArg decides what the argument is looked at for. What is not looked at is skipped by
// count, so no password is ever copied.
func (p *Parser) beginArg() {
	st := &p.req
	st.word.reset()
	st.use = p.wanted(st.arg)
	if st.use != useKey {
		return
	}
	pd := p.q.tail()
	if len(pd.keys) >= p.cfg.maxKeys || p.q.bytes > queuedKeys*p.cfg.maxKeys*p.cfg.maxKey {
		pd.keysCut = true
		p.cfg.stats.KeysNotKept++
		st.use = useNone
		return
	}
	pd.keys = append(pd.keys, pd.put())
}

func (p *Parser) wanted(i int64) use {
	st := &p.req
	c := st.cmd
	switch {
	case i == 0:
		return useName
	case c == nil:
		return useNone
	case i == 1 && c.subs != "":
		return useSub
	case i == 1 && (c.role == roleSelect || c.role == roleReplconf), i == 2 && st.mode == replyWanted:
		return useWord
	case i == 1 && c.role == roleScript && st.open:
		return useScript
	case !p.cfg.keys || !st.open:
		return useNone
	case c.numkeys > 0 && i == int64(c.numkeys), c.streams && st.keyTo < 0:
		return useWord
	case st.keyFrom <= i && i <= st.keyTo, c.keyAt(i, st.args):
		return useKey
	}
	return useNone
}

// keyAt reports whether argument i of n, the name included, is a key by its position.
func (c *command) keyAt(i, n int64) bool {
	if c.first == 0 || i < int64(c.first) {
		return false
	}
	last := int64(c.last)
	if last < 0 {
		last += n
	}
	return i <= last && (i-int64(c.first))%int64(c.step) == 0
}

// keep copies bytes of an argument that is looked at.
func (p *Parser) keep(b []byte) {
	st := &p.req
	switch st.use {
	case useKey:
		pd := p.q.tail()
		k := &pd.keys[len(pd.keys)-1]
		room := p.cfg.maxKey - int(k.len)
		if len(b) > room {
			if !pd.keysCut {
				p.cfg.stats.KeysNotKept++
			}
			pd.keysCut = true
			b = b[:room]
		}
		k.len += uint32(len(b))
		p.append(pd, b...)
	case useScript:
		pd := p.q.tail()
		if int(pd.scr.len)+len(b) > maxScript {
			st.word.over = true
			return
		}
		if pd.scr.len == 0 {
			pd.scr.off = uint32(len(pd.buf))
		}
		pd.scr.len += uint32(len(b))
		p.append(pd, b...)
	default:
		st.word.add(b)
	}
}

func (p *Parser) append(pd *pending, b ...byte) {
	pd.buf = append(pd.buf, b...)
	p.q.bytes += len(b)
}

// keyHidden takes note that a hole hides a part of the argument.
func (p *Parser) keyHidden() {
	if p.req.use != useKey {
		return
	}
	pd := p.q.tail()
	pd.keys = pd.keys[:len(pd.keys)-1] // its bytes stay in buf, unreferenced
	pd.keysCut = true
	p.cfg.stats.KeysNotKept++
	p.req.use = useNone
}

// endArg acts on a whole argument.
func (p *Parser) endArg() {
	st := &p.req
	w := &st.word
	switch st.use {
	case useName:
		p.named()
	case useSub:
		whole := w.upper()
		sub := whole && st.cmd.hasSub(w.bytes())
		if sub && st.cmd.role == roleClient && string(w.bytes()) == "REPLY" {
			st.mode = replyWanted
		}
		if pd := p.opened(); pd != nil && sub {
			pd.sub.off = uint32(len(pd.buf))
			pd.buf = append(append(pd.buf, st.cmd.name...), ' ')
			p.q.bytes += len(st.cmd.name) + 1
			p.append(pd, w.bytes()...)
			pd.sub.len = uint32(len(pd.buf)) - pd.sub.off
		}
	case useScript:
		if pd := p.opened(); pd != nil && w.over {
			pd.scr = span{}
		}
	case useWord:
		p.actOnWord()
	}
	st.use = useNone
	if st.state == rqStart {
		return
	}
	st.arg++
	if st.state == rqInline || p.done {
		return
	}
	st.state = rqMark
	if st.arg == st.args {
		p.endCommand()
	}
}

// opened is the command at hand, nil when it was dropped or is already answered.
func (p *Parser) opened() *pending {
	if !p.req.open {
		return nil
	}
	return p.q.tail()
}

func (p *Parser) actOnWord() {
	st := &p.req
	w := &st.word
	switch c := st.cmd; {
	case c.role == roleSelect:
		if pd, v := p.opened(), w.integer(); pd != nil && v >= 0 && v < 1<<31 {
			pd.number = int32(v)
		}
	case c.role == roleReplconf:
		if w.upper() && string(w.bytes()) == "ACK" { // a replica: no more replies
			p.end()
		}
	case st.mode == replyWanted:
		if !w.upper() {
			break
		}
		switch string(w.bytes()) {
		case "ON":
			st.mode = replyOn
		case "OFF":
			st.mode = replyOff
		case "SKIP":
			st.mode = replySkip
		}
	case c.streams:
		if w.upper() && string(w.bytes()) == "STREAMS" {
			st.keyFrom, st.keyTo = st.arg+1, st.arg+(st.args-st.arg-1)/2
		}
	default: // numkeys
		if v := w.integer(); v > 0 {
			st.keyFrom, st.keyTo = st.arg+1, st.arg+v
		}
	}
}

// named begins a command whose name is at hand.
func (p *Parser) named() {
	st := &p.req
	whole := st.word.upper()
	if whole {
		st.cmd = lookup(st.word.bytes())
	}
	if !st.synced && (!whole || st.cmd == nil && st.state == rqInline) {
		p.badRequest(int(st.size)) // it only looked like a command so far
		return
	}
	pd := p.newRequest()
	if pd == nil {
		return
	}
	pd.cmd, pd.known = st.cmd, st.cmd != nil
	pd.reqStart, pd.reqTag = st.at, st.tag
	if st.cmd == nil && whole {
		pd.sub = span{uint32(len(pd.buf)), uint32(st.word.n)}
		p.append(pd, st.word.bytes()...)
	}
}

// endCommand acts on a whole command.
func (p *Parser) endCommand() {
	st := &p.req
	st.state, st.synced = rqStart, true
	pd := p.opened()
	st.open = false
	if pd != nil {
		pd.args, pd.reqEnd, pd.reqSize = st.arg-1, p.now.end, st.size
		pd.known = st.cmd != nil && (st.cmd.subs == "" || pd.sub.len > 0 || pd.args == 0)
		p.setConfirms(pd)
		p.runQueued++
	}
	p.run++
	silent := p.quiet || p.skipNext
	p.skipNext = false
	switch {
	case st.mode == replyOff:
		p.quiet, silent = true, true
	case st.mode == replySkip:
		p.skipNext, silent = !p.quiet, true
	case st.mode == replyOn, st.cmd != nil && st.cmd.role == roleReset:
		p.quiet, silent = false, false
	}
	if silent && pd != nil {
		if pd.role() == roleSelect {
			p.db = -1
		}
		p.runQueued--
		p.emitPending(pd, NoReply, CloseNone, p.now.end)
		p.q.popTail()
	}
}

// setConfirms notes how many confirmations a subscription brings: one per channel; without
// arguments, as many as there were, of which the first ends the exchange.
func (p *Parser) setConfirms(pd *pending) {
	if r := pd.role(); r == roleSubscribe || r == roleUnsubscribe {
		pd.confirms = int32(min(max(pd.args, 1), 1<<30))
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

type requestState uint8

const (
	rqStart  requestState = iota // a command starts here, or (not synced) we look for one
	rqCount                      // in "*3"
	rqMark                       // before "$"
	rqLen                        // in "$5"
	rqArg                        // in an argument and its CRLF
	rqInline                     // in an inline command
	rqEnd                        // no bytes expected
)

// use says what the argument at hand is looked at for.
type use uint8

const (
	useNone use = iota
	useName
	useSub
	useWord
	useKey
	useScript
)

// replyMode is the argument of CLIENT REPLY.
type replyMode uint8

const (
	replyNone replyMode = iota
	replyWanted
	replyOn
	replyOff
	replySkip
)

// requests is the client's direction.
type requests struct {
	state    requestState
	synced   bool // rqStart follows the proven end of a command
	segStart bool // the bytes at hand stand at a segment's start
	turn     bool // the command began on a segment start after bytes of the server
	open     bool // the queue's tail is the command at hand
	num      number
	word     word
	inline   inline

	cmd       *command
	mode      replyMode
	use       use
	args, arg int64 // announced, at hand
	remain    int64 // of the argument with its CRLF
	keyFrom   int64 // keys named by numkeys or STREAMS: from here
	keyTo     int64 // to here, inclusive
	size      int64
	at        uint64
	tag       Tag
}

func (p *Parser) requestBytes(b []byte) {
	st := &p.req
	for len(b) > 0 && !p.done {
		before := len(b)
		switch st.state {
		case rqStart:
			b = p.startCommand(b)
			if b == nil {
				return
			}
		case rqCount, rqLen:
			rest, res := st.num.read(b)
			if res == readBad {
				p.badRequest(len(b))
				return
			}
			b = rest
			st.size += int64(before - len(b))
			if res == readDone && !p.requestNumber() {
				p.badRequest(len(b))
				return
			}
		case rqMark:
			if b[0] != '$' {
				p.badRequest(len(b))
				return
			}
			st.state, st.num = rqLen, number{}
			st.size++
			b = b[1:]
		case rqArg:
			if b = p.argBytes(b); b == nil {
				return
			}
		case rqInline:
			b = p.inlineBytes(b)
		case rqEnd:
			return
		}
		st.segStart = false
	}
}

// startCommand begins a command in place, or skips bytes that cannot begin one.
func (p *Parser) startCommand(b []byte) []byte {
	st := &p.req
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') { // an empty inline command
		b = b[1:]
	}
	if len(b) == 0 {
		return nil
	}
	if !st.synced && (!st.segStart || commandVerdict(b) == No) {
		p.cfg.stats.SkippedBytes += uint64(len(b))
		p.unsure = true
		return nil
	}
	st.at, st.tag = p.now.start, p.now.tag
	st.turn = st.segStart && p.last == Response
	st.size, st.arg, st.cmd, st.mode, st.open = 0, 0, nil, replyNone, false
	st.keyFrom, st.keyTo = 0, -1
	switch c := b[0] | 0x20; {
	case b[0] == '*':
		st.state, st.num = rqCount, number{}
		st.size = 1
		return b[1:]
	case 'a' <= c && c <= 'z':
		st.state, st.inline = rqInline, inline{}
		return b
	}
	p.badRequest(len(b))
	return nil
}

// requestNumber acts on a count or a length.
func (p *Parser) requestNumber() bool {
	st := &p.req
	v, neg := st.num.v, st.num.sign == '-'
	if st.state == rqCount {
		if v > 1<<31-1 {
			return false
		}
		st.args = int64(v)
		st.state = rqMark
		if neg || v == 0 { // ignored by servers
			st.state, st.synced = rqStart, true
		}
		return true
	}
	if neg || v > maxString {
		return false
	}
	st.remain = int64(v) + 2
	st.state = rqArg
	p.beginArg()
	return true
}

// argBytes passes bytes of an argument and the CRLF behind it.
func (p *Parser) argBytes(b []byte) []byte {
	st := &p.req
	if n := min(int64(len(b)), st.remain-2); n > 0 {
		if st.use != useNone {
			p.keep(b[:n])
		}
		st.remain -= n
		st.size += n
		b = b[n:]
	}
	for ; st.remain > 0 && len(b) > 0; b = b[1:] {
		if b[0] != "\n\r"[st.remain-1] {
			p.badRequest(len(b))
			return nil
		}
		st.remain--
		st.size++
	}
	if st.remain == 0 {
		p.endArg()
	}
	return b
}

// requestHole passes n bytes that were not captured.
func (p *Parser) requestHole(n int64) {
	st := &p.req
	if n == 0 || p.done || st.state == rqEnd {
		return
	}
	if st.state == rqArg {
		k := min(n, st.remain)
		if st.remain > 2 {
			st.word.over = true
			p.keyHidden()
		}
		if st.use == useName && st.word.over {
			k = 0 // without its name, the command is not recognised
		}
		st.remain -= k
		st.size += k
		n -= k
		if k > 0 && st.remain == 0 {
			p.endArg()
		}
	}
	if n == 0 || p.done {
		return
	}
	p.cfg.stats.Gaps++
	p.cfg.stats.GapBytes += uint64(n)
	if st.state != rqStart {
		p.cfg.stats.CutRequests++
	}
	p.loseRequests()
}

// badRequest ends what cannot be a command.
func (p *Parser) badRequest(n int) {
	p.cfg.stats.UndecodableRequests++
	p.cfg.stats.SkippedBytes += uint64(n)
	p.loseRequests()
}

// loseRequests: any number of commands may pass unseen from here.
func (p *Parser) loseRequests() {
	st := &p.req
	if st.open {
		p.q.tail().reqCut = true
		p.closeRequest()
	}
	st.state, st.synced = rqStart, false
	p.unsure, p.skipNext = true, false
	p.db, p.tx = -1, txUnknown
}

// closeRequest ends the command at hand before its end was seen.
func (p *Parser) closeRequest() {
	st := &p.req
	if !st.open {
		return
	}
	st.open = false
	pd := p.q.tail()
	pd.known = pd.cmd != nil && pd.cmd.subs == "" || pd.sub.len > 0 && pd.cmd != nil
	if !pd.reqCut {
		pd.reqSize = st.size
	}
	p.setConfirms(pd)
}

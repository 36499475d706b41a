// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

type requestState uint8

const (
	rqStart  requestState = iota // a command starts here, or (not synced) we look for one
	rqLine                       // in a line of text
	rqData                       // in its data and CRLF
	rqHeader                     // in a binary header
	rqExtras                     // in what stands before the key
	rqKey
	rqValue
	rqEnd // no bytes expected
)

// maxData is the longest value that is believed; servers limit items to 1 GB (-I).
const maxData = 1 << 30

// requests is the client's direction.
type requests struct {
	state    requestState
	synced   bool // rqStart follows the proven end of a command
	segStart bool // the bytes at hand stand at a segment's start
	turn     bool // the command began on a segment start after bytes of the server
	open     bool // the queue's tail is the command at hand
	quiet    bool
	noreply  bool
	keyOpen  bool // the key at hand is kept
	cmd      *command
	line     tokens
	header   header
	data     int64 // announced by the line, -1 if not
	keys     int64
	opaque   hash
	key      hash
	hasOpq   bool
	remain   int64
	size     int64
	chunk    int // bytes at hand when the step began, of which size does not know
	start    uint64
	tag      Tag
}

func (p *Parser) requestBytes(b []byte) {
	st := &p.req
	for len(b) > 0 && !p.done {
		n := len(b)
		st.chunk = n
		switch st.state {
		case rqStart:
			if b = p.startCommand(b); b == nil {
				return
			}
			n = len(b)
		case rqLine:
			b = p.commandLine(b)
		case rqData:
			if b = p.commandData(b); b == nil {
				return
			}
		case rqHeader:
			if b = st.header.read(b); st.header.n == headerLen && !p.commandHeader(len(b)) {
				p.badRequest(len(b))
				return
			}
		case rqExtras, rqKey, rqValue:
			k := min(int64(len(b)), st.remain)
			if st.state == rqKey {
				st.key = st.key.add(b[:k])
				p.keepKey(b[:k])
			}
			b = b[k:]
			st.remain -= k
			p.nextPart(len(b))
		case rqEnd:
			return
		}
		st.segStart = false
		if st.state != rqStart {
			st.size += int64(n - len(b))
		}
	}
}

// startCommand begins a command in place, or skips bytes that cannot begin one.
func (p *Parser) startCommand(b []byte) []byte {
	st := &p.req
	if !st.synced && (!st.segStart || commandVerdict(b) == No) {
		p.cfg.stats.SkippedBytes += uint64(len(b))
		p.unsure = true
		return nil
	}
	*st = requests{state: rqLine, synced: st.synced, segStart: st.segStart, data: -1, key: hashBasis, opaque: hashBasis,
		turn: st.segStart && p.last == Response, start: p.now.start, tag: p.now.tag}
	if b[0] == magicRequest {
		st.state = rqHeader
	}
	return b
}

// commandLine reads a line of the text protocol.
func (p *Parser) commandLine(b []byte) []byte {
	st := &p.req
	l := &st.line
	for i := 0; i < len(b); {
		if k := wordLen(b[i:]); k > 0 {
			if !l.in {
				p.beginToken(b[i])
			}
			p.tokenBytes(b[i : i+k])
			i += k
			continue
		}
		lf, whole := b[i] == '\n', l.n > 0 || l.in
		i++
		if l.in && !p.endToken() {
			return nil
		}
		if !lf {
			continue
		}
		if whole {
			p.endLine(len(b) - i)
		} else {
			st.state, st.synced = rqStart, true // the server answers ERROR
		}
		return b[i:]
	}
	return nil
}

// wordLen is the number of bytes before a blank or a line's end.
func wordLen(b []byte) int {
	for i, c := range b {
		if c <= ' ' && (c == ' ' || c == '\n' || c == '\r') {
			return i
		}
	}
	return len(b)
}

// tokens is the state in a line of text.
type tokens struct {
	n     int // of the token at hand
	in    bool
	first byte
	len   int
	word  [16]byte // the token's first bytes, if it is neither key nor data
	num   number
}

func (l *tokens) bytes() []byte { return l.word[:min(l.len, len(l.word))] }

func (p *Parser) beginToken(c byte) {
	st := &p.req
	l := &st.line
	l.in, l.first, l.len, l.num = true, c, 0, number{}
	st.noreply = false
	if p.isKey() {
		st.keys++
		st.key = hashBasis
		p.beginKey()
	}
}

// isKey reports whether the token at hand is a key.
func (p *Parser) isKey() bool {
	st := &p.req
	if st.cmd == nil || st.line.n == 0 {
		return false
	}
	switch st.cmd.class {
	case classGet:
		return true
	case classGat:
		return st.line.n >= 2
	case classStore, classDelete, classTouch, classCount, classMetaGet, classMetaSet, classMetaDelete, classMetaCount, classMetaDebug:
		return st.line.n == 1
	}
	return false
}

func (p *Parser) tokenBytes(b []byte) {
	st := &p.req
	l := &st.line
	if p.isKey() {
		if st.cmd.class.meta() {
			st.key = st.key.add(b)
		}
		p.keepKey(b)
		l.len += len(b)
		return
	}
	if l.len < len(l.word) {
		copy(l.word[l.len:], b)
	}
	if st.cmd != nil {
		switch {
		case l.n == 2 && st.cmd.class == classMetaSet, l.n == 4 && st.cmd.class == classStore:
			for _, c := range b {
				l.num.add(c)
			}
		case l.first == 'O' && st.cmd.class.meta():
			if l.len == 0 {
				st.opaque = st.opaque.add(b[1:])
			} else {
				st.opaque = st.opaque.add(b)
			}
		}
	}
	l.len += len(b)
}

// endToken reports whether the line goes on to be read.
func (p *Parser) endToken() bool {
	st := &p.req
	l := &st.line
	l.in = false
	switch {
	case l.n == 0:
		if l.len <= len(l.word) {
			st.cmd = textCommand(l.bytes())
		}
		if st.cmd == nil && !st.synced {
			p.badRequest(int(st.size)) // it only looked like a command so far
			return false
		}
		p.newRequest(Text)
	case st.cmd == nil:
	case st.cmd.class.meta() && l.n >= 2 && (st.cmd.class != classMetaSet || l.n >= 3):
		switch l.first {
		case 'q':
			st.quiet = true
		case 'O':
			st.hasOpq = true
		}
	case st.cmd.class == classMetaSet && l.n == 2, st.cmd.class == classStore && l.n == 4:
		st.data = l.num.value()
	}
	st.keyOpen = false
	st.noreply = l.len == 7 && string(l.bytes()) == "noreply" && !p.isKey()
	l.n++
	return true
}

// endLine acts on a whole line.
func (p *Parser) endLine(rest int) {
	st := &p.req
	if st.cmd != nil && (st.cmd.class == classMetaSet || st.cmd.class == classStore) && st.data >= 0 && st.data <= maxData {
		st.state, st.remain = rqData, st.data+2
		return
	}
	p.endCommand(rest)
}

// commandData passes a text command's data and the CRLF behind it.
func (p *Parser) commandData(b []byte) []byte {
	st := &p.req
	if n := min(int64(len(b)), st.remain-2); n > 0 {
		st.remain -= n
		b = b[n:]
	}
	for ; st.remain > 0 && len(b) > 0; b = b[1:] {
		if b[0] != "\n\r"[st.remain-1] {
			p.badRequest(len(b))
			return nil
		}
		st.remain--
	}
	if st.remain == 0 {
		p.endCommand(len(b))
	}
	return b
}

// commandHeader acts on a binary header.
func (p *Parser) commandHeader(rest int) bool {
	st := &p.req
	h := &st.header
	st.cmd = h.command()
	if !h.valid(magicRequest) || !st.synced && st.cmd == nil {
		return false
	}
	st.quiet = st.cmd != nil && st.cmd.quiet
	st.data = h.valueLen()
	if h.keyLen() > 0 {
		st.keys = 1
	}
	p.newRequest(Binary)
	st.state, st.remain = rqExtras, h.extrasLen()
	p.nextPart(rest)
	return true
}

// nextPart goes on to the next part of a binary command that has bytes.
func (p *Parser) nextPart(rest int) {
	st := &p.req
	for st.remain == 0 {
		switch st.state {
		case rqExtras:
			st.state, st.remain = rqKey, st.header.keyLen()
			// SASL's mechanism stands where a key does.
			if c := st.cmd; st.remain > 0 && (c == nil || c.class != classOther && c.class != classStats) {
				p.beginKey()
			} else {
				st.keys = 0
			}
		case rqKey:
			st.keyOpen = false
			st.state, st.remain = rqValue, st.header.valueLen()
		default:
			p.endCommand(rest)
			return
		}
	}
}

// requestHole passes n bytes that were not captured.
func (p *Parser) requestHole(n int64) {
	st := &p.req
	st.chunk = 0
	for n > 0 && !p.done {
		var k int64
		switch st.state {
		case rqEnd:
			return
		case rqData, rqExtras, rqKey, rqValue:
			k = min(n, st.remain)
		}
		if k == 0 {
			break
		}
		if st.state == rqKey {
			p.hideKey()
		}
		n -= k
		st.remain -= k
		st.size += k
		switch {
		case st.state != rqData:
			p.nextPart(0)
		case st.remain == 0:
			p.endCommand(0)
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

// loseRequests: any number of commands may pass unseen from here. Whether a command cut in
// its line is quiet, or wants no reply, is not known.
func (p *Parser) loseRequests() {
	st := &p.req
	if st.open {
		if st.state == rqLine && st.cmd != nil && st.cmd.class != classGet && st.cmd.class != classGat {
			st.open = false
			p.q.popTail()
			p.cfg.stats.DropAmbiguous++
		} else {
			p.q.tail().reqCut = true
			p.closeRequest()
		}
	}
	st.state, st.synced = rqStart, false
	p.unsure = true
}

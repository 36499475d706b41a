// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

type responseState uint8

const (
	rsStart  responseState = iota // a response starts here, or (not synced) we look for one
	rsLine                        // in a line of text
	rsData                        // in its data and CRLF
	rsHeader                      // in a binary header
	rsExtras                      // in what stands before the key
	rsKey
	rsValue
	rsLost // in a response whose end is not known
	rsEnd  // no bytes expected
)

// responses is the server's direction.
type responses struct {
	state    responseState
	synced   bool     // rsStart follows the proven end of a response's line, data or body
	segStart bool     // the bytes at hand stand at a segment's start
	bound    bool     // what is at hand belongs to the queue's head
	multi    bool     // the head's response goes on behind it
	status   [16]byte // first word of the line
	wordLen  int
	line     tokens
	header   header
	answer   answer
	data     int64
	opaque   hash
	key      hash
	hasOpq   bool
	hasKey   bool
	binary   bool
	remain   int64
	size     int64 // of the line, data or body at hand
	chunk    int
	start    uint64
	tag      Tag
	lastEnd  uint64 // end of the last segment, 0 after lost bytes
}

func (p *Parser) responseBytes(b []byte) {
	rs := &p.resp
	for len(b) > 0 && !p.done {
		n := len(b)
		rs.chunk = n
		switch rs.state {
		case rsStart:
			if b = p.startResponse(b); b == nil {
				return
			}
		case rsLine:
			b = p.responseLine(b)
		case rsData:
			if k := min(int64(len(b)), rs.remain-2); k > 0 {
				rs.remain -= k
				b = b[k:]
			}
			for ; rs.remain > 0 && len(b) > 0; b = b[1:] {
				if b[0] != "\n\r"[rs.remain-1] {
					p.badResponse(len(b))
					return
				}
				rs.remain--
			}
			if rs.remain == 0 {
				p.endPart(len(b))
			}
		case rsHeader:
			if b = rs.header.read(b); rs.header.n < headerLen {
				break
			}
			if !rs.header.valid(magicResponse) {
				p.badResponse(len(b))
				return
			}
			rs.state, rs.remain = rsExtras, rs.header.extrasLen()
			p.nextResponsePart(len(b))
		case rsExtras, rsKey, rsValue:
			k := min(int64(len(b)), rs.remain)
			if rs.state == rsKey {
				rs.key = rs.key.add(b[:k])
			}
			b = b[k:]
			rs.remain -= k
			p.nextResponsePart(len(b))
		case rsLost, rsEnd:
			return
		}
		rs.segStart = false
		if rs.state != rsStart {
			rs.size += int64(n - len(b))
		}
	}
}

// startResponse begins a response or one of its lines, or skips bytes that cannot.
func (p *Parser) startResponse(b []byte) []byte {
	rs := &p.resp
	if !rs.synced && (!rs.segStart || responseVerdict(b) == No) {
		p.cfg.stats.SkippedBytes += uint64(len(b))
		p.missed()
		return nil
	}
	*rs = responses{state: rsLine, synced: rs.synced, segStart: rs.segStart, bound: rs.multi, multi: rs.multi, chunk: rs.chunk,
		data: -1, key: hashBasis, opaque: hashBasis, start: p.now.start, tag: p.now.tag, lastEnd: rs.lastEnd}
	if b[0] == magicResponse {
		rs.state, rs.binary = rsHeader, true
	}
	return b
}

// responseLine reads a line of the text protocol.
func (p *Parser) responseLine(b []byte) []byte {
	rs := &p.resp
	l := &rs.line
	for i := 0; i < len(b); {
		if k := wordLen(b[i:]); k > 0 {
			if !l.in {
				l.in, l.first, l.len, l.num = true, b[i], 0, number{}
			}
			p.responseToken(b[i : i+k])
			i += k
			continue
		}
		p.endResponseToken()
		i++
		if b[i-1] == '\n' {
			p.answered(len(b) - i)
			return b[i:]
		}
	}
	return nil
}

func (p *Parser) responseToken(b []byte) {
	rs := &p.resp
	l := &rs.line
	switch {
	case l.n == 0:
		if l.len < len(l.word) {
			copy(l.word[l.len:], b)
		}
	case l.n == 1 && rs.answer == answerVA, l.n == 3 && rs.answer == answerValue:
		for _, c := range b {
			l.num.add(c)
		}
	case rs.answer.flags() && (l.first == 'O' || l.first == 'k'):
		if l.len == 0 {
			b = b[1:]
			l.len++
		}
		if l.first == 'O' {
			rs.opaque = rs.opaque.add(b)
		} else {
			rs.key = rs.key.add(b)
		}
	}
	l.len += len(b)
}

func (p *Parser) endResponseToken() {
	rs := &p.resp
	l := &rs.line
	if !l.in {
		return
	}
	l.in = false
	switch {
	case l.n == 0:
		if l.len <= len(l.word) {
			rs.answer = textAnswer(l.bytes())
		} else if string(l.word[:4]) == "key=" {
			rs.answer = answerMore
		}
		l.len = min(l.len, len(l.word))
		rs.wordLen = l.len
		copy(rs.status[:], l.bytes())
	case l.n == 1 && rs.answer == answerVA, l.n == 3 && rs.answer == answerValue:
		rs.data = l.num.value()
	case rs.answer.flags() && l.first == 'O':
		rs.hasOpq = true
	case rs.answer.flags() && l.first == 'k':
		rs.hasKey = true
	}
	l.n++
}

// nextResponsePart goes on to the next part of a binary response that has bytes.
func (p *Parser) nextResponsePart(rest int) {
	rs := &p.resp
	for rs.remain == 0 {
		switch rs.state {
		case rsExtras:
			rs.state, rs.remain = rsKey, rs.header.keyLen()
		case rsKey:
			rs.hasKey = rs.header.keyLen() > 0 && rs.key != 0
			rs.opaque, rs.hasOpq = rs.header.opaque(), true
			rs.state, rs.remain = rsValue, rs.header.valueLen()
			if !p.bind() {
				rs.bound = false
			}
		default:
			p.endPart(rest)
			return
		}
	}
}

// answered acts on a whole line.
func (p *Parser) answered(rest int) {
	rs := &p.resp
	if !rs.multi {
		p.bind()
	} else if pd := p.q.at(0); !pd.class().may(rs.answer, pd.quiet) {
		p.mismatch()
	}
	if rs.answer == answerVA || rs.answer == answerValue {
		if rs.data < 0 || rs.data > maxData {
			p.badResponse(rest)
			return
		}
		rs.state, rs.remain = rsData, rs.data+2
		if rs.bound {
			p.q.at(0).values += rs.data
		}
		return
	}
	p.endPart(rest)
}

// endPart ends a line with its data, or a binary response.
func (p *Parser) endPart(rest int) {
	rs := &p.resp
	rs.state, rs.synced = rsStart, true
	size := rs.size + int64(max(0, rs.chunk-rest))
	if !rs.bound {
		return
	}
	pd := p.q.at(0)
	pd.respSize += size
	rs.multi = true
	switch {
	case rs.binary:
		pd.code, pd.failed = int32(rs.header.status()), failedCode(rs.header.status())
		if pd.class() == classStats && pd.code == 0 && rs.header.bodyLen() > 0 {
			return // a statistic; the last one is empty
		}
		pd.miss = pd.code != 0
		if pd.code == 0 {
			pd.hits = pd.keyCount
			if pd.class() == classGet || pd.class() == classGat {
				pd.values = rs.header.valueLen()
			}
		}
	case rs.answer == answerValue:
		pd.hits++
		return
	case rs.answer == answerMore:
		return
	default:
		if rs.answer != answerNumber {
			pd.statusLen = uint8(copy(pd.status[:], rs.status[:rs.wordLen]))
		}
		pd.failed = rs.answer == answerError
		pd.miss = rs.answer == answerNotFound || rs.answer == answerNF || rs.answer == answerEN
		if pd.class().looksUp() && (rs.answer == answerNS || rs.answer == answerEX) {
			pd.hits = pd.keyCount
		}
	}
	rs.multi = false
	pd.statusKnown = true
	pd.respEnd = p.now.end
	watch := pd.class() == classWatch && !pd.failed
	p.emitPending(pd, Complete, CloseNone, p.now.end)
	p.popHead()
	if watch {
		p.dropAll(&p.cfg.stats.DropEnded)
		p.done = true
	}
}

// failedCode: all but success, and a key that is absent or present.
func failedCode(c uint16) bool { return c != 0 && c != 1 && c != 2 && c != 5 && c != 0x21 }

// responseHole passes n bytes that were not captured.
func (p *Parser) responseHole(n int64) {
	rs := &p.resp
	rs.chunk = 0
	for n > 0 && !p.done {
		var k int64
		switch rs.state {
		case rsEnd:
			return
		case rsData, rsExtras, rsKey, rsValue:
			k = min(n, rs.remain)
		}
		if k == 0 {
			break
		}
		if rs.state == rsKey {
			rs.key = 0
		}
		n -= k
		rs.remain -= k
		rs.size += k
		switch {
		case rs.state != rsData:
			p.nextResponsePart(0)
		case rs.remain == 0:
			p.endPart(0)
		}
	}
	if n == 0 || p.done {
		return
	}
	p.cfg.stats.Gaps++
	p.cfg.stats.GapBytes += uint64(n)
	p.loseResponses()
}

func (p *Parser) badResponse(n int) {
	p.cfg.stats.UndecodableResponses++
	p.cfg.stats.SkippedBytes += uint64(n)
	p.loseResponses()
}

// loseResponses: any number of responses may pass unseen from here.
func (p *Parser) loseResponses() {
	rs := &p.resp
	if rs.state == rsLost {
		return
	}
	if rs.state != rsStart || rs.multi {
		p.cfg.stats.CutResponses++
	}
	rs.synced = false
	if !rs.bound && !rs.multi || p.q.n == 0 {
		p.missed()
		return
	}
	for p.q.n > 1 {
		p.unsure = true
		p.dropTail(&p.cfg.stats.DropAmbiguous)
	}
	p.q.at(0).respCut = true
	rs.state, rs.multi, rs.bound = rsLost, false, false
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import "bytes"

type replyState uint8

const (
	rsStart  replyState = iota // a value starts here, or (not synced) we look for one
	rsNumber                   // in an integer, a count or a length
	rsLine                     // in a line of text
	rsBulk                     // in a string and its CRLF
	rsLost                     // in a reply whose end is not known
	rsEnd                      // no bytes expected
)

// meaning of the value at hand.
type meaning uint8

const (
	meansUnknown meaning = iota // not told yet
	meansReply                  // to the command that target returns
	meansOrphan                 // to no known command
	meansPush                   // a message
	meansConfirm                // a confirmation of a subscription
)

// replies is the server's direction. A value and all that it holds is counted by left, so
// nesting of any depth costs no memory.
type replies struct {
	state    replyState
	synced   bool // rsStart follows the proven end of a value
	segStart bool // the bytes at hand stand at a segment's start
	begun    bool // start, tag and size belong to the value at hand
	attr     bool // the value at hand is an attribute, the reply follows it
	peek     bool // its first element will tell what the value means
	looking  bool // word takes the bytes at hand
	means    meaning
	kind     Kind // of the header at hand
	top      Kind // of the value
	confirm  int  // index in confirmations

	num     number
	word    word
	remain  int64 // of the string with its CRLF
	left    int64 // values to come until the value is whole
	topN    int64 // its elements
	last    int64 // last integer
	size    int64
	start   uint64
	tag     Tag
	lastEnd uint64 // end of the last segment, 0 after lost bytes

	exec      int64 // elements of EXEC's reply to come
	execN     int64
	execSize  int64
	execStart uint64
	execTag   Tag
}

func (p *Parser) replyBytes(b []byte) {
	rs := &p.rep
	for len(b) > 0 && !p.done {
		switch rs.state {
		case rsStart:
			if b = p.startValue(b); b == nil {
				return
			}
		case rsNumber:
			rest, res := rs.num.read(b)
			if res == readBad {
				p.badReply(len(b))
				return
			}
			if res == readMore {
				rs.size += int64(len(b))
				return
			}
			rs.size += int64(len(b) - len(rest))
			b = rest
			if !p.replyNumber() {
				p.badReply(len(b))
				return
			}
		case rsLine:
			b = p.replyLine(b)
		case rsBulk:
			if b = p.bulkBytes(b); b == nil {
				return
			}
		case rsLost, rsEnd:
			return
		}
		rs.segStart = false
	}
}

// startValue reads the byte that tells a value's type, or skips bytes that cannot begin one.
func (p *Parser) startValue(b []byte) []byte {
	rs := &p.rep
	c := b[0]
	if rs.left == 0 && !rs.begun {
		if c == '\n' && p.q.waiting() > 0 && p.q.at(p.q.acked).role() == roleSync {
			return b[1:] // a master keeps a replica waiting by these
		}
		if !rs.synced && (!rs.segStart || replyVerdict(b) == No) {
			p.cfg.stats.SkippedBytes += uint64(len(b))
			p.missed()
			return nil
		}
		rs.begun, rs.start, rs.tag, rs.size = true, p.now.start, p.now.tag, 0
		rs.means, rs.attr, rs.peek = meansUnknown, false, false
	}
	rs.kind, rs.looking = Kind(c), false
	switch c {
	case '+', '-':
		rs.state = rsLine
		if rs.left == 0 {
			rs.looking = true
			rs.word.reset()
		}
	case '_', ',', '#', '(':
		rs.state = rsLine
	case ':', '$', '=', '!', '*', '~', '%', '>', '|':
		rs.state, rs.num = rsNumber, number{}
	default:
		p.badReply(len(b))
		return nil
	}
	rs.size++
	return b[1:]
}

// replyNumber acts on an integer, a length or a count.
func (p *Parser) replyNumber() bool {
	rs := &p.rep
	v, null := rs.num.v, rs.num.sign == '-'
	if rs.kind == KindInteger {
		rs.last = int64(v)
		p.scalar()
		return true
	}
	if null && v != 1 {
		return false
	}
	switch rs.kind {
	case KindBulk, KindVerbatim, KindBulkError:
		if null {
			rs.kind = KindNull
			p.scalar()
			return true
		}
		if v > maxString {
			return false
		}
		rs.remain, rs.state = int64(v)+2, rsBulk
		if rs.left == 0 {
			p.begin(-1)
			rs.left = 1
			rs.looking = rs.kind == KindBulkError
		} else {
			rs.looking = rs.peek
		}
		if rs.looking {
			rs.word.reset()
		}
		return true
	}
	if null {
		rs.kind = KindNull
		p.scalar()
		return true
	}
	if v > maxElements {
		return false
	}
	p.aggregate(int64(v))
	return true
}

// aggregate begins an array, set, map, push or attribute.
func (p *Parser) aggregate(n int64) {
	rs := &p.rep
	rs.state = rsStart
	children := n
	if rs.kind == KindMap || rs.kind == '|' {
		children = 2 * n
	}
	if rs.left > 0 {
		rs.peek = false // what decides is a string
		if rs.kind == '|' {
			rs.left += children
		} else {
			rs.left += children - 1
		}
		if rs.means == meansUnknown && !rs.attr {
			p.undecided()
		}
		p.valueDone()
		return
	}
	if rs.kind == '|' {
		rs.attr = n > 0
		rs.left = children
		return
	}
	switch {
	case rs.kind == KindPush:
		rs.top, rs.topN, rs.peek = KindPush, n, n > 0
		if n == 0 {
			rs.means = meansPush
		}
	case p.beginExec(n):
		return
	case rs.kind == KindArray && n >= 2 && n <= 4 && p.mayPush():
		rs.top, rs.topN, rs.peek = KindArray, n, true
	default:
		p.begin(n)
	}
	rs.left = children
	p.valueDone()
}

// scalar ends a value without elements.
func (p *Parser) scalar() {
	rs := &p.rep
	rs.state = rsStart
	if rs.left == 0 {
		p.begin(-1)
		rs.left = 1
	} else if rs.peek {
		p.undecided()
	}
	rs.left--
	p.valueDone()
}

// undecided: the first element is no string, so the value is what its type says.
func (p *Parser) undecided() {
	rs := &p.rep
	rs.peek = false
	if rs.top == KindPush {
		rs.means = meansPush
		return
	}
	rs.kind, rs.top = rs.top, KindNone
	p.begin(rs.topN)
}

// replyLine passes a line of text. Of a simple string or an error the first word counts.
func (p *Parser) replyLine(b []byte) []byte {
	rs := &p.rep
	text, rest, whole := bytes.Cut(b, []byte{'\n'})
	rs.size += int64(len(text))
	if rs.looking {
		w := text
		if i := bytes.IndexAny(w, " \r"); i >= 0 {
			w = w[:i]
			rs.looking = false
		}
		rs.word.add(w)
	}
	if !whole {
		return nil
	}
	rs.size++
	p.scalar()
	return rest
}

// bulkBytes passes bytes of a string and the CRLF behind it.
func (p *Parser) bulkBytes(b []byte) []byte {
	rs := &p.rep
	if n := min(int64(len(b)), rs.remain-2); n > 0 {
		if rs.looking {
			p.look(b[:n])
		}
		rs.remain -= n
		rs.size += n
		b = b[n:]
	}
	for ; rs.remain > 0 && len(b) > 0; b = b[1:] {
		if b[0] != "\n\r"[rs.remain-1] {
			p.badReply(len(b))
			return nil
		}
		rs.remain--
		rs.size++
	}
	if rs.remain == 0 {
		p.bulkDone()
	}
	return b
}

// look keeps the first word of a string.
func (p *Parser) look(b []byte) {
	rs := &p.rep
	if rs.kind == KindBulkError {
		if i := bytes.IndexAny(b, " \r\n"); i >= 0 {
			b = b[:i]
			rs.looking = false
		}
	}
	rs.word.add(b)
}

func (p *Parser) bulkDone() {
	rs := &p.rep
	rs.state = rsStart
	if rs.peek {
		p.classify()
	}
	rs.left--
	p.valueDone()
}

// replyHole passes n bytes that were not captured.
func (p *Parser) replyHole(n int64) {
	rs := &p.rep
	if n == 0 || p.done || rs.state == rsEnd {
		return
	}
	if rs.state == rsBulk {
		k := min(n, rs.remain)
		rs.word.over = rs.word.over || rs.remain > 2
		rs.remain -= k
		rs.size += k
		n -= k
		if rs.remain == 0 {
			p.bulkDone()
		}
	}
	if n == 0 || p.done {
		return
	}
	p.cfg.stats.Gaps++
	p.cfg.stats.GapBytes += uint64(n)
	p.loseReplies()
}

func (p *Parser) badReply(n int) {
	p.cfg.stats.UndecodableReplies++
	p.cfg.stats.SkippedBytes += uint64(n)
	p.loseReplies()
}

// loseReplies: any number of replies may pass unseen from here.
func (p *Parser) loseReplies() {
	rs := &p.rep
	if rs.begun || rs.left > 0 || rs.exec > 0 {
		p.cfg.stats.CutReplies++
	}
	switch {
	case rs.state == rsLost:
		return
	case rs.exec > 0:
		p.loseExec()
	case rs.left > 0 && rs.means == meansReply:
		p.dropBut(&p.cfg.stats.DropAmbiguous)
		rs.state = rsLost
	default:
		p.missed()
	}
	rs.begun, rs.left, rs.synced = false, 0, false
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

import (
	"encoding/binary"
)

const (
	headerLen  = 5 // type and length
	startupLen = 8 // length and code
	// maxStartup is the server's MAX_STARTUP_PACKET_LENGTH.
	maxStartup = 10000
	// maxMessage is the server's bound, PQ_LARGE_MESSAGE_LIMIT (MaxAllocSize).
	maxMessage = 1<<30 - 1

	codeCancel = 80877102
	codeSSL    = 80877103
	codeGSS    = 80877104
)

func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

// bounds are the least and the greatest value of a message's length field; zero: no such type.
type bounds struct{ low, high int64 }

func sized(n int64) bounds   { return bounds{n, n} }
func atLeast(n int64) bounds { return bounds{n, maxMessage} }

// messages are the types of both directions (chapter "Message Formats").
var messages = [2][256]bounds{
	Request: {
		'Q': atLeast(5), 'P': atLeast(8), 'B': atLeast(12), 'E': {9, 10000}, 'D': {6, 10000}, 'C': {6, 10000},
		'H': sized(4), 'S': sized(4), 'X': sized(4), 'F': atLeast(14),
		'd': atLeast(4), 'c': sized(4), 'f': {5, 10000 << 10}, 'p': {4, 1 << 16},
	},
	Response: {
		'R': {8, 1 << 16}, 'K': {8, 4 + 4 + 256}, 'Z': sized(5), 'S': {6, 1 << 20}, 'N': atLeast(5), 'E': atLeast(5),
		'1': sized(4), '2': sized(4), '3': sized(4), 'n': sized(4), 's': sized(4), 'I': sized(4), 'c': sized(4),
		'T': {6, 1 << 24}, 't': {6, 4 + 2 + 4*65535}, 'D': atLeast(6), 'C': {5, 1 << 10}, 'A': {10, 1 << 16},
		'G': {7, 1 << 18}, 'H': {7, 1 << 18}, 'W': {7, 1 << 18}, 'd': atLeast(4), 'V': atLeast(8), 'v': {12, 1 << 16},
	},
}

func validHeader(d Direction, typ byte, size int64) bool {
	m := messages[d][typ]
	return m.low != 0 && m.low <= size && size <= m.high
}

// opener reports frontend messages that begin or go on with work, not those of COPY and
// authentication, which come while the backend is busy.
func opener(typ byte) bool {
	switch typ {
	case 'Q', 'P', 'B', 'E', 'D', 'C', 'S', 'F':
		return true
	}
	return false
}

// wanted is the number of bytes that are read of a body.
func (p *Parser) wanted(d Direction, typ byte) int {
	if d == Response {
		switch typ {
		case 'Z':
			return 1
		case 'C':
			return 64
		case 'E':
			return 128
		}
		return 0
	}
	switch typ {
	case 'Q':
		return p.cfg.maxText + 1
	case 'P':
		return p.cfg.maxText + maxName + 2
	case 'B':
		return 2*maxName + 2
	case 'E', 'D', 'C':
		return maxName + 2
	}
	return 0
}

// frontend takes the wanted part of a message; what is cut ends early.
func (p *Parser) frontend(typ byte, b []byte) {
	p.dir[Request].owned = false
	switch typ {
	case 'Q':
		if it := p.step(p.add(KindQuery)); it != nil {
			text, _, whole := cstring(b)
			it.st = p.cfg.newStatement(nil, text, true, !whole)
		}
	case 'F':
		p.step(p.add(KindFunction))
	case 'P':
		p.parse(b)
	case 'B':
		p.bind(b)
	case 'D':
		p.describe(b)
	case 'E':
		p.execute(b)
	case 'C':
		p.closeNamed(b)
	case 'H':
		p.closeUnit()
	case 'S':
		p.closeUnit()
		p.add(kindBarrier)
	case 'd', 'c', 'f':
		if p.q.n > 0 {
			it := p.q.at(0)
			it.reqSize += p.dir[Request].size
			it.reqEnd = p.now.end
			p.dir[Request].owned = p.q.n == 1
		}
	}
}

// step counts the message at hand into an operation.
func (p *Parser) step(it *item) *item {
	if it != nil {
		it.reqSize += p.dir[Request].size
		it.reqEnd = p.now.end
		p.dir[Request].owned = true
	}
	return it
}

// requestEnds notes the time at which a message that came in pieces was whole.
func (p *Parser) requestEnds() {
	if st := &p.dir[Request]; st.owned && p.q.n > 0 {
		p.q.tail().reqEnd = p.now.end
	}
}

// unit is the operation that takes further steps on s, or a new one.
func (p *Parser) unit(k Kind, s *statement, joins bool) *item {
	if p.open && joins {
		if it := p.q.tail(); it.st == s {
			p.cfg.release(s)
			return p.step(it)
		}
	}
	if g := p.ghost; g != nil && k > KindQuery && k != KindParse && k != KindClose && (k != KindBind || g.bind == 0) {
		g.bind += uint16(b2i(k == KindBind))
		p.cfg.release(s)
		return nil
	}
	it := p.add(k)
	if it == nil {
		if k != KindClose {
			p.ghost = &item{bind: uint16(b2i(k == KindBind))}
		}
		p.cfg.release(s)
		return nil
	}
	it.st, it.hasStatement = s, s != nil
	it.prepared = k != KindParse && k != KindClose
	if it.prepared && (s == nil || !s.known) {
		p.cfg.stats.UnknownStatements++
	}
	p.open = true
	return p.step(it)
}

func (p *Parser) parse(b []byte) {
	name, rest, ok := cstring(b)
	if !ok { // cut within the name
		if it := p.unit(KindParse, nil, false); it != nil {
			it.parse++
		}
		return
	}
	text, _, whole := cstring(rest)
	s := p.cfg.newStatement(name, text, true, !whole)
	if it := p.unit(KindParse, s.use(), false); it != nil {
		it.parse++
	}
	if len(name) > maxName {
		p.cfg.release(s)
		return
	}
	p.setStatement(s)
}

func (p *Parser) bind(b []byte) {
	name, rest, ok := cstring(b)
	statementName, _, ok2 := cstring(rest)
	var s *statement
	if ok && ok2 {
		s = p.statementOf(statementName)
		p.setPortal(name, s)
	} else if ok {
		p.dropPortal(name)
	} else {
		p.dropPortals()
	}
	joins := p.open && s != nil && p.q.tail().bind == 0
	if it := p.unit(KindBind, s, joins); it != nil {
		it.bind++
	}
}

func (p *Parser) describe(b []byte) {
	var s *statement
	if name, _, ok := cstring(b[min(1, len(b)):]); ok && len(b) > 0 {
		if b[0] == 'S' {
			s = p.statementOf(name)
		} else if o, found := p.tables.portal(name); found {
			s = o.st.use()
		}
	}
	if it := p.unit(KindDescribe, s, s != nil); it != nil {
		it.describe++
	}
}

func (p *Parser) execute(b []byte) {
	var s *statement
	continued := false
	name, _, ok := cstring(b)
	if o, found := p.tables.portal(name); ok && found {
		s, continued = o.st.use(), o.started
		if !continued {
			p.tables.started(name, o)
		}
	}
	joins := p.open && s != nil && !continued && p.q.tail().bind > 0
	if it := p.unit(KindExecute, s, joins); it != nil {
		it.kind, it.continued = KindExecute, continued
		it.exec++
	}
	p.closeUnit()
}

func (p *Parser) closeNamed(b []byte) {
	var s *statement
	if name, _, ok := cstring(b[min(1, len(b)):]); ok && len(b) > 0 {
		if b[0] == 'S' {
			s = p.statementOf(name)
			p.dropStatement(name)
		} else {
			if o, found := p.tables.portal(name); found {
				s = o.st.use()
			}
			p.dropPortal(name)
		}
	}
	if it := p.unit(KindClose, s, false); it != nil {
		it.close++
	}
	p.closeUnit()
}

// startup takes the header of a message without a type.
func (p *Parser) startup(h, rest []byte) []byte {
	st, stats := &p.dir[Request], p.cfg.stats
	size, code := int64(be32(h)), be32(h[4:])
	switch {
	case (code == codeSSL || code == codeGSS) && size == startupLen:
		p.asked = true
		p.dir[Response].state = stAnswer
		return rest
	case code == codeCancel && size > startupLen && size <= startupLen+4+256:
		stats.Cancels++
		p.dropAll()
		p.finished()
		return nil
	case code>>16 == 3 && size >= startupLen && size <= maxStartup:
	default:
		p.undecodable(Request)
		stats.SkippedBytes += uint64(len(rest) + startupLen)
		return nil
	}
	stats.Startups++
	st.cut = false
	p.dropAll() // a new conversation
	p.reqGap, p.overflow, p.ready, p.ghost = false, false, false, nil
	p.starting = true
	p.user, p.db = p.user[:0], p.db[:0]
	p.dir[Response].state, p.dir[Response].hdrLen = stHeader, 0
	if st.remain = size - startupLen; st.remain > 0 {
		st.state = stBody
		p.expect(st, maxStartup)
	}
	return rest
}

// startupBody keeps the user and the database.
func (p *Parser) startupBody(b []byte) {
	for {
		name, rest, ok := cstring(b)
		if !ok || len(name) == 0 {
			break
		}
		value, rest, ok := cstring(rest)
		if !ok {
			break
		}
		value = value[:min(len(value), maxName)]
		switch string(name) {
		case "user":
			p.user = append(p.user[:0], value...)
		case "database":
			p.db = append(p.db[:0], value...)
		}
		b = rest
	}
	if !p.dir[Request].cut && len(p.db) == 0 {
		p.db = append(p.db, p.user...)
	}
}

// encrypted ends tracking when TLS begins though the answer to SSLRequest was not seen.
func (p *Parser) encrypted(b []byte) bool {
	if !p.asked || b[0] != 0x16 {
		return false
	}
	p.encryptedNow()
	return true
}

func (p *Parser) encryptedNow() {
	p.cfg.stats.Encrypted++
	p.dropAll()
	p.finished()
}

// encryptionAnswer takes the single byte that answers SSLRequest or GSSENCRequest.
func (p *Parser) encryptionAnswer(b []byte) []byte {
	st := &p.dir[Response]
	st.state = stHeader
	switch b[0] {
	case 'S', 'G':
		p.encryptedNow()
		return nil
	case 'N':
		return b[1:]
	}
	return b // an ErrorResponse of a server that knows no encryption
}

// missedRequests notes that requests may have passed unseen.
func (p *Parser) missedRequests() {
	p.reqGap = true
	if p.q.n == 0 {
		return
	}
	if p.open { // its Execute may have been hidden
		p.q.tail().partial = true
		p.open = false
	}
	if p.head.copy {
		p.q.at(0).partial = true
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func trimDigits(b []byte) []byte {
	n := len(b)
	for n > 0 && isDigit(b[n-1]) {
		n--
	}
	return b[:n]
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

import (
	"bytes"
	"encoding/binary"
)

// capabilities of the login response.
const (
	capWithDB          = 1 << 3
	capCompress        = 1 << 5
	capProtocol41      = 1 << 9
	capMultiStatements = 1 << 16
	capTLS             = 1 << 11
	capSecure          = 1 << 15
	capLenencAuth      = 1 << 21
	capZstd            = 1 << 26
	sslRequestLen      = 32
)

// login reads HandshakeResponse41 and COM_CHANGE_USER byte by byte, so that no buffer ever
// holds authentication data.
type login struct {
	step   loginStep
	n      int64 // bytes left in the step
	caps   uint32
	known  bool // caps were seen
	change bool // COM_CHANGE_USER
}

type loginStep uint8

const (
	loginDone loginStep = iota
	loginCaps
	loginFixed
	loginUser
	loginAuthLen
	loginAuthLong // bytes of a longer length
	loginAuth
	loginAuthNUL
	loginDB
)

// cut: a hole took some of it; what follows cannot be placed.
func (l *login) cut() { l.step = loginDone }

// readLogin takes the next bytes of the packet.
func (p *Parser) readLogin(b []byte) {
	l := &p.login
	for _, c := range b {
		switch l.step {
		case loginCaps:
			l.caps = l.caps>>8 | uint32(c)<<24
			if l.n--; l.n > 0 {
				break
			}
			if !p.loginCaps() {
				return
			}
			l.step, l.n = loginFixed, 28 // packet size, character set, reserved
		case loginFixed:
			if l.n--; l.n == 0 {
				l.step = loginUser
			}
		case loginUser:
			switch {
			case c != 0:
				p.user = appendName(p.user, c)
			case l.known && l.caps&(capSecure|capLenencAuth) == 0:
				l.step = loginAuthNUL
			default:
				l.step = loginAuthLen
			}
		case loginAuthLen:
			l.step, l.n = loginAuth, int64(c)
			if l.caps&capLenencAuth != 0 && !l.change && c > 0xfb {
				l.step, l.n = loginDone, 0 // no server asks for more than 250 bytes
			}
			if l.n == 0 && l.step == loginAuth {
				p.loginAuthEnds()
			}
		case loginAuth:
			if l.n--; l.n == 0 {
				p.loginAuthEnds()
			}
		case loginAuthNUL:
			if c == 0 {
				p.loginAuthEnds()
			}
		case loginDB:
			if c == 0 {
				l.step = loginDone
				if !l.change {
					p.dbKnown = len(p.nextDB) > 0
					p.db = append(p.db[:0], p.nextDB...)
				}
				break
			}
			p.nextDB = appendName(p.nextDB, c)
		default:
			return
		}
	}
}

func (p *Parser) loginAuthEnds() {
	p.login.step = loginDone
	if p.login.change || p.login.caps&capWithDB != 0 {
		p.login.step = loginDB
	}
}

// loginCaps judges the capabilities; false ends the connection's dissection.
func (p *Parser) loginCaps() bool {
	l, stats := &p.login, p.cfg.stats
	l.known = true
	switch {
	case l.caps&capTLS != 0 && p.dir[Request].size == sslRequestLen:
		stats.Encrypted++
	case l.caps&capProtocol41 == 0:
		stats.OldProtocols++
	default:
		p.compressed = l.caps&(capCompress|capZstd) != 0
		return true
	}
	p.dropAll()
	p.finished()
	return false
}

func appendName(b []byte, c byte) []byte {
	if len(b) < maxName {
		b = append(b, c)
	}
	return b
}

// clientPacket takes the header and the first byte of a packet of the client.
func (p *Parser) clientPacket(empty bool) {
	st, stats := &p.dir[Request], p.cfg.stats
	st.owned = false
	switch {
	case p.inLogin:
		if st.seq == 1 && p.login.step == loginDone && !p.login.known && !empty {
			p.user, p.nextDB, p.dbKnown = p.user[:0], p.nextDB[:0], false
			p.login = login{step: loginCaps, n: 4}
			st.login = true
			p.readLogin([]byte{st.typ})
		}
		return
	case st.seq != 0: // a file for LOCAL INFILE, or authentication within COM_CHANGE_USER
		if p.q.n > 0 {
			p.continued(Request)
		}
		return
	case empty || names[st.typ] == "":
		stats.UndecodableRequests++
		p.lose(Request)
		return
	}
	switch c := Command(st.typ); c {
	case ComQuery, ComStmtPrepare:
		st.want = p.cfg.maxText + 512 // query attributes come before the text
	case ComInitDB, ComFieldList:
		st.want = maxName
	case ComStmtExecute, ComStmtBulkExecute, ComStmtFetch, ComStmtReset, ComStmtClose, ComStmtLongData:
		st.want = 4
	case ComChangeUser:
		p.command(nil)
		if p.q.n > 0 && p.q.tail().command == c {
			p.user, p.nextDB = p.user[:0], p.nextDB[:0]
			p.login = login{step: loginUser, caps: p.login.caps, known: p.login.known, change: true}
			st.login = true
		}
		return
	default:
	}
	if st.want == 0 || st.remain == 0 {
		st.want = 0
		p.command(nil)
	}
}

// continued adds a further packet to the request or, above 16 MiB, to the packet before.
func (p *Parser) continued(d Direction) {
	if d == Response {
		if p.q.n > 0 {
			p.q.at(0).seq = p.dir[Response].seq + 1
		}
		return
	}
	if p.q.n > 0 {
		st, it := &p.dir[Request], p.q.tail()
		it.reqSize += st.size + headerLen
		it.reqEnd = p.now.end
		it.seq = st.seq + 1
		st.owned = true
	}
}

// command takes the wanted part of a command after its first byte.
func (p *Parser) command(b []byte) {
	st := &p.dir[Request]
	cut := int64(len(b))+1 < st.size
	c := Command(st.typ)
	var s *statement
	var one item
	switch c {
	case ComStmtLongData, ComStmtClose, ComQuit:
		p.cfg.stats.Requests++
		one.command = c
		p.fillRequest(&one)
		one.st = p.statementID(&one, b)
		keep := p.head
		p.head = head{}
		p.send(&one, OneWay, CloseNone, 0, p.now.end)
		p.head = keep
		p.cfg.release(one.st)
		if c == ComStmtClose && one.idKnown {
			p.dropStatement(one.id)
		}
		return
	case ComBinlogDump, ComBinlogDumpGTID, ComTableDump:
		p.cfg.stats.Requests++
		p.cfg.stats.Replication++
		one.command = c
		p.fillRequest(&one)
		p.flush(CloseNone, p.now.end)
		p.head = head{}
		p.send(&one, OneWay, CloseNone, 0, p.now.end)
		p.finished()
		return
	case ComQuery:
		if text, ok := p.withoutAttributes(b); ok {
			s = p.cfg.newStatement(text, cut)
		}
	case ComStmtPrepare:
		s = p.cfg.newStatement(b, cut)
		p.cfg.release(p.prepared)
		p.prepared = s.use()
	case ComInitDB:
		s = p.cfg.newStatement(b, cut)
	}
	it := p.add(c)
	if it == nil {
		p.cfg.release(s)
		if c == ComInitDB || c == ComChangeUser || s != nil && mayUseDB(s.text, p.severalStatements()) {
			p.dbKnown = false
		}
		return
	}
	st.owned = true
	it.st = s
	switch c {
	case ComStmtExecute, ComStmtBulkExecute, ComStmtFetch, ComStmtReset:
		it.st = p.statementID(it, b)
		if it.st == nil {
			p.cfg.stats.UnknownStatements++
		}
	case ComInitDB:
		p.nextDB, it.changesDB = append(p.nextDB[:0], b...), true
	case ComChangeUser:
		it.changesDB = true
	case ComSetOption: // there is none but that of several statements
		p.login.caps |= capMultiStatements
	case ComQuery:
		switch {
		case s == nil:
		case usesDB(s.text):
			p.nextDB, it.changesDB = append(p.nextDB[:0], usedDB(s)...), true
		case mayUseDB(s.text, p.severalStatements()):
			p.nextDB, it.changesDB = p.nextDB[:0], true
		}
	default:
	}
}

// statementID reads the number of a prepared statement and gives a reference to its text.
func (p *Parser) statementID(it *item, b []byte) *statement {
	if len(b) < 4 {
		return nil
	}
	it.id, it.idKnown = binary.LittleEndian.Uint32(b), true
	if it.id == 1<<32-1 { // MariaDB: the statement prepared last
		it.idKnown = false
		return p.prepared.use()
	}
	return p.statements[it.id].use()
}

// withoutAttributes gives the text after the query attributes (CLIENT_QUERY_ATTRIBUTES,
// MySQL 8.0.23), which begin with a number of parameters: no text begins with so low a byte.
func (p *Parser) withoutAttributes(b []byte) ([]byte, bool) {
	if len(b) < 2 || b[0] >= '\t' || b[1] != 1 {
		return b, true
	}
	return skipAttributes(b)
}

// skipAttributes passes count, one set, null bitmap, types with names, and values.
func skipAttributes(b []byte) ([]byte, bool) {
	n := int(b[0])
	b = b[2:]
	if n == 0 {
		return b, true
	}
	nulls := (n + 7) / 8
	if len(b) < nulls+1 || b[nulls] != 1 {
		return nil, false
	}
	bitmap := b[:nulls]
	b = b[nulls+1:]
	var types [16]byte
	for i := range n {
		if len(b) < 3 || i >= len(types) || len(b) < 3+int(b[2]) {
			return nil, false
		}
		types[i] = b[0]
		b = b[3+int(b[2]):]
	}
	for i := range n {
		if bitmap[i/8]>>(i%8)&1 != 0 {
			continue
		}
		var size int
		switch types[i] {
		case 1:
			size = 1
		case 2, 13:
			size = 2
		case 3, 4, 9:
			size = 4
		case 5, 8:
			size = 8
		default: // strings, times: a length of one byte, or it is too long to matter
			if len(b) == 0 || b[0] > 250 {
				return nil, false
			}
			size = 1 + int(b[0])
		}
		if len(b) < size {
			return nil, false
		}
		b = b[size:]
	}
	return b, true
}

// usesDB reports a text that begins with USE.
func usesDB(text []byte) bool {
	for len(text) > 0 && (text[0] <= ' ' || text[0] == ';') {
		text = text[1:]
	}
	return len(text) > 4 && text[0]|0x20 == 'u' && text[1]|0x20 == 's' && text[2]|0x20 == 'e' && (text[3] <= ' ' || text[3] == '`')
}

// mayUseDB reports a text in which a statement may be a USE that usesDB does not tell: one
// behind a comment, or with several behind another. What stands in a literal counts too.
func mayUseDB(text []byte, several bool) bool {
	for {
		text = skipComments(text)
		if usesDB(text) {
			return true
		}
		at := bytes.IndexByte(text, ';')
		if !several || at < 0 {
			return false
		}
		text = text[at+1:]
	}
}

// skipComments passes blanks and comments at the beginning of a statement.
func skipComments(b []byte) []byte {
	for len(b) > 0 {
		var end int
		switch {
		case b[0] <= ' ':
			b = b[1:]
			continue
		case bytes.HasPrefix(b, []byte("/*")):
			if end = bytes.Index(b, []byte("*/")); end >= 0 {
				end++
			}
		case b[0] == '#', bytes.HasPrefix(b, []byte("-- ")):
			end = bytes.IndexByte(b, '\n')
		default:
			return b
		}
		if end < 0 {
			return nil
		}
		b = b[end+1:]
	}
	return nil
}

// severalStatements reports that a text may hold more than one, as far as the login tells.
func (p *Parser) severalStatements() bool {
	return !p.login.known || p.login.caps&capMultiStatements != 0
}

// usedDB is the database of a plain USE statement, empty when it is anything else.
func usedDB(s *statement) []byte {
	text := s.text
	for len(text) > 0 && text[0] <= ' ' {
		text = text[1:]
	}
	text = text[min(3, len(text)):]
	for len(text) > 0 && text[0] <= ' ' {
		text = text[1:]
	}
	for len(text) > 0 && (text[len(text)-1] <= ' ' || text[len(text)-1] == ';') {
		text = text[:len(text)-1]
	}
	if n := len(text); n > 2 && text[0] == '`' && text[n-1] == '`' {
		text = text[1 : n-1]
	}
	for _, c := range text {
		if c <= ' ' || c == ';' || c == '`' || c == '/' || c == '#' || c == '-' || c == '.' {
			return nil
		}
	}
	if s.cut {
		return nil
	}
	return text
}

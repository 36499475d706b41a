// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

import "encoding/binary"

// status flags of OK and EOF packets.
const (
	statusMoreResults  = 0x0008
	statusCursorExists = 0x0040
)

// phase of a response.
type phase uint8

const (
	phFirst      phase = iota // the first packet of a result
	phColumns                 // column definitions
	phColumnsEnd              // after them: EOF, or the first row where there is none
	phRows
	phPrepare // definitions of parameters and columns of a prepared statement
)

// serverPacket takes the header and the first byte of a packet of the server. Most are
// counted, not read.
func (p *Parser) serverPacket(empty bool) {
	st, h := &p.dir[Response], &p.head
	if st.seq == 0 && !empty && st.typ == 10 && p.q.n == 0 && st.size > 30 { // greeting
		p.inLogin, p.login, p.compressed = true, login{}, false
		p.dbKnown, p.reqGap = false, false
		p.cfg.stats.Logins++
		p.dir[Request].state, p.dir[Request].hdrLen = stHeader, 0
		return
	}
	if p.inLogin {
		p.loginAnswer(empty)
		return
	}
	if p.q.n == 0 {
		h.size = 0
		if !(st.typ == 0xfe && st.size == 5) && st.seq == 1 {
			p.cfg.stats.OrphanResponses++
		}
		return
	}
	it := p.q.at(0)
	if st.seq != it.seq && !it.partial {
		if !it.answered && st.typ == 0xfe && st.size == 5 { // ends definitions that were answered
			h.size = 0
			return
		}
		p.mismatch()
		return
	}
	it.partial = it.partial && it.answered
	it.seq = st.seq + 1
	if !it.answered {
		it.answered, it.respStart, it.respTag = true, st.start, st.tag
	}
	if empty { // only a row of no columns, which does not exist, or text of COM_STATISTICS
		p.packet(0, nil)
		return
	}
	// In the middle of a result only what may end it is read.
	ends := st.typ == 0xff || st.typ == 0xfe && st.size < maxPacket
	switch h.phase {
	case phColumns:
		h.columnSeen()
		return
	case phRows:
		if !ends {
			h.rows++
			return
		}
	default:
	}
	st.want = 256
	if st.remain == 0 {
		st.want = 0
		p.packet(st.typ, nil)
	}
}

// mismatch gives up pairing: the response cannot be that of the command.
func (p *Parser) mismatch() {
	p.cfg.stats.UnexpectedResponses++
	p.dropAll()
	p.reqGap = true
	p.lose(Response)
}

func (h *head) columnSeen() {
	if h.left--; h.left <= 0 {
		h.phase = phColumnsEnd
	}
}

// loginAnswer takes a server packet of the login: OK, ERR or more authentication.
func (p *Parser) loginAnswer(empty bool) {
	st := &p.dir[Response]
	switch {
	case empty:
	case st.typ == 0:
		p.inLogin = false
		if p.compressed {
			p.cfg.stats.Compressed++
			p.finished()
		}
	case st.typ == 0xff:
		p.inLogin = false
		p.cfg.stats.LoginErrors++
	}
	p.head.size = 0
}

// response takes the wanted part of a packet after its first byte.
func (p *Parser) response(b []byte) {
	if p.q.n > 0 {
		p.packet(p.dir[Response].typ, b)
	}
}

// packet takes a packet that may begin or end a result.
func (p *Parser) packet(typ byte, b []byte) {
	it, h, size := p.q.at(0), &p.head, p.dir[Response].size
	if it.command == ComStatistics {
		p.complete()
		return
	}
	if typ == 0xff && size >= 3 {
		p.errorPacket(b)
		return
	}
	switch h.phase {
	case phFirst:
		p.first(it, typ, b, size)
	case phColumnsEnd:
		if typ == 0xfe && size == 5 {
			h.phase = phRows
			if status, ok := eofStatus(b); ok && status&statusCursorExists != 0 && it.command != ComQuery {
				p.complete() // rows come by COM_STMT_FETCH
			}
			return
		}
		h.phase = phRows
		p.row(typ, b, size)
	case phRows:
		p.row(typ, b, size)
	case phPrepare:
		if typ == 0xfe && size == 5 { // between the definitions
			return
		}
		if h.left--; h.left == 0 {
			p.complete()
		}
	}
}

// complete ends the response as complete.
func (p *Parser) complete() { p.finish(Complete, CloseNone, p.now.end, p.now.end) }

// first takes the first packet of a result.
func (p *Parser) first(it *item, typ byte, b []byte, size int64) {
	h := &p.head
	switch it.command {
	case ComQuery, ComStmtExecute, ComStmtBulkExecute, ComProcessInfo:
		switch {
		case typ == 0 && size >= 7:
			p.okPacket(b, false)
		case typ == 0xfb && it.command == ComQuery:
			h.infile = true
		default:
			n, follows, ok := columnCount(typ, b, size)
			if !ok {
				p.mismatch()
				return
			}
			h.rows = max(h.rows, 1)
			h.left, h.phase = n, phColumns
			if !follows {
				h.phase = phColumnsEnd
			}
		}
	case ComStmtPrepare:
		if typ != 0 || len(b) < 8 {
			p.mismatch()
			return
		}
		if it.st != nil {
			p.setStatement(binary.LittleEndian.Uint32(b), it.st.use())
		}
		it.id, it.idKnown = binary.LittleEndian.Uint32(b), true
		h.left = int64(binary.LittleEndian.Uint16(b[4:])) + int64(binary.LittleEndian.Uint16(b[6:]))
		if size > 12 && len(b) > 11 && b[11] == 0 { // without metadata
			h.left = 0
		}
		h.phase = phPrepare
		if h.left == 0 {
			p.complete()
		}
	case ComStmtFetch, ComFieldList:
		h.phase = phRows
		h.rows = max(h.rows, 1)
		p.row(typ, b, size)
	case ComChangeUser:
		if typ == 0 {
			p.complete()
		}
	default:
		if typ != 0 && typ != 0xfe {
			p.mismatch()
			return
		}
		p.complete()
	}
}

// columnCount reads the packet that begins a result set. follows: definitions come next;
// MySQL and MariaDB may leave them out and say so in one more byte, before or after.
func columnCount(typ byte, b []byte, size int64) (n int64, follows, ok bool) {
	switch {
	case typ < 0xfb && size == 1:
		return int64(typ), true, typ > 0
	case typ < 0xfb && size == 2 && len(b) == 1:
		switch {
		case typ == 0:
			return int64(b[0]), false, b[0] > 0
		case b[0] <= 1:
			return int64(typ), b[0] == 1, true
		case typ == 1:
			return int64(b[0]), true, true
		}
	case typ == 0xfc && size <= 4 && len(b) >= 2:
		return int64(b[0]) | int64(b[1])<<8, size == 3 || len(b) > 2 && b[2] == 1, true
	}
	return 0, false, false
}

// row takes a packet among rows: a row or their end.
func (p *Parser) row(typ byte, b []byte, size int64) {
	switch {
	case typ == 0xfe && size == 5:
		status, _ := eofStatus(b)
		p.resultEnds(status)
	case typ == 0xfe && size >= 7 && size < maxPacket:
		p.okPacket(b, true)
	default:
		p.head.rows++
	}
}

func eofStatus(b []byte) (uint16, bool) {
	if len(b) < 4 {
		return 0, false
	}
	return binary.LittleEndian.Uint16(b[2:]), true
}

// okPacket reads affected rows, last insert ID, status and, where it is told, the default
// database.
func (p *Parser) okPacket(b []byte, afterRows bool) {
	affected, b, ok := lenenc(b)
	_, b, ok2 := lenenc(b)
	if !ok || !ok2 || len(b) < 4 {
		p.resultEnds(0)
		return
	}
	if !afterRows {
		p.head.affected = max(p.head.affected, 1) + int64(affected&(1<<62-1))
	}
	p.resultEnds(binary.LittleEndian.Uint16(b))
}

func (p *Parser) resultEnds(status uint16) {
	h := &p.head
	h.results++
	h.phase = phFirst
	if status&statusMoreResults == 0 {
		p.complete()
	}
}

// errorPacket reads code and SQLSTATE.
func (p *Parser) errorPacket(b []byte) {
	h := &p.head
	if len(b) >= 2 {
		h.code = binary.LittleEndian.Uint16(b)
	}
	if len(b) >= 8 && b[2] == '#' {
		h.stateLen = uint8(copy(h.state[:], b[3:8]))
	}
	p.complete()
}

// lenenc reads a length-encoded integer.
func lenenc(b []byte) (n uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	var size int
	switch b[0] {
	case 0xfb, 0xff:
		return 0, nil, false
	case 0xfc:
		size = 2
	case 0xfd:
		size = 3
	case 0xfe:
		size = 8
	default:
		return uint64(b[0]), b[1:], true
	}
	if len(b) <= size {
		return 0, nil, false
	}
	for i := size; i > 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n, b[1+size:], true
}

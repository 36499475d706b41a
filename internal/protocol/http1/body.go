// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "bytes"

// bodyBytes passes body bytes and returns those behind the body or its present part.
func (p *Parser) bodyBytes(d Direction, b []byte) []byte {
	st := &p.dir[d]
	switch st.state {
	case stFixed, stChunkData:
		n := min(int64(len(b)), st.remain)
		p.passed(d, n)
		return b[n:]
	case stClose:
		st.body += int64(len(b))
		return nil
	case stChunkSize:
		return p.chunkSize(d, b)
	case stChunkExt:
		lf := bytes.IndexByte(b, '\n')
		if lf < 0 {
			return nil
		}
		st.beginChunk()
		return b[lf+1:]
	case stChunkEnd:
		if b[0] == '\r' && st.remain == 0 {
			st.remain = 1 // only LF may follow
			return b[1:]
		}
		if b[0] != '\n' {
			p.badChunk(d)
			return b
		}
		st.state, st.remain, st.digits = stChunkSize, 0, 0
		return b[1:]
	case stTrailer:
		return p.trailer(d, b)
	}
	return nil
}

// passed counts n bytes of a body or chunk of known length.
func (p *Parser) passed(d Direction, n int64) {
	st := &p.dir[d]
	st.remain -= n
	st.body += n
	if st.remain > 0 {
		return
	}
	if st.state == stFixed {
		p.endMessage(d)
	} else {
		st.state = stChunkEnd
	}
}

// bodyHole passes the part of a hole that the framing accounts for; it returns the rest.
func (p *Parser) bodyHole(d Direction, n int64) int64 {
	st := &p.dir[d]
	switch st.state {
	case stClose:
		st.body += n
		return 0
	case stFixed, stChunkData:
		k := min(n, st.remain)
		p.passed(d, k)
		n -= k
	}
	// A chunk's end is CRLF: accounted for by the grammar, checked by the size that follows.
	if st.state == stChunkEnd && n > 0 && n <= 2-st.remain {
		if st.remain += n; st.remain == 2 {
			st.state, st.remain, st.digits = stChunkSize, 0, 0
		}
		n = 0
	}
	return n
}

func (st *stream) beginChunked() {
	st.state, st.remain, st.digits = stChunkSize, 0, 0
}

func (st *stream) beginChunk() {
	if st.remain == 0 {
		st.state, st.line = stTrailer, lineEmpty
	} else {
		st.state = stChunkData
	}
}

// chunkSize reads "hex [ws] [;ext] CRLF" (RFC 9112 section 7.1).
func (p *Parser) chunkSize(d Direction, b []byte) []byte {
	st := &p.dir[d]
	for i, c := range b {
		switch h := hexDigit(c); {
		case h < 16:
			if st.digits++; st.digits > 16 || st.remain > (maxLength-st.body)>>4-1 {
				p.badChunk(d)
				return b[i:]
			}
			st.remain = st.remain<<4 | int64(h)
		case st.digits == 0:
			p.badChunk(d)
			return b[i:]
		case c == '\n':
			st.beginChunk()
			return b[i+1:]
		case c == '\r' || c == ';' || c == ' ' || c == '\t':
			st.state = stChunkExt
			return b[i+1:]
		default:
			p.badChunk(d)
			return b[i:]
		}
	}
	return nil
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}

func (p *Parser) badChunk(d Direction) {
	p.cfg.stats.BadChunk++
	p.lose(d, true)
}

func (p *Parser) trailer(d Direction, b []byte) []byte {
	st := &p.dir[d]
	end := st.blankLine(b)
	if end < 0 {
		return nil
	}
	p.endMessage(d)
	return b[end:]
}

// lineState is what stands in the current line so far.
type lineState uint8

const (
	lineEmpty lineState = iota
	lineCR
	lineText
)

// blankLine finds the end of the first empty line, carrying the line begun before; -1 when
// b has none.
func (st *stream) blankLine(b []byte) int {
	for i := 0; i < len(b); {
		lf := bytes.IndexByte(b[i:], '\n')
		text := b[i:]
		if lf >= 0 {
			text = b[i : i+lf]
		}
		switch {
		case len(text) == 0:
		case st.line == lineEmpty && len(text) == 1 && text[0] == '\r':
			st.line = lineCR
		default:
			st.line = lineText
		}
		if lf < 0 {
			return -1
		}
		i += lf + 1
		if st.line != lineText {
			st.line = lineEmpty
			return i
		}
		st.line = lineEmpty
	}
	return -1
}

// pushTail keeps the last bytes of a message whose framing is lost.
func (st *stream) pushTail(b []byte) {
	if n := len(b); n >= len(st.tail) {
		copy(st.tail[:], b[n-len(st.tail):])
		st.tailLen = uint8(len(st.tail))
		return
	}
	keep := min(int(st.tailLen), len(st.tail)-len(b))
	copy(st.tail[:], st.tail[int(st.tailLen)-keep:st.tailLen])
	copy(st.tail[keep:], b)
	st.tailLen = uint8(keep + len(b))
}

// proveEnd ends a message whose framing is lost when its segment's last bytes prove the
// end: the final chunk with the line end before it, or the empty line of a header section
// that has no body behind it. whole says that the segment is as long as a final chunk.
func (p *Parser) proveEnd(d Direction, whole bool) {
	st := &p.dir[d]
	t := st.tail[:st.tailLen]
	if st.noBody {
		if bytes.HasSuffix(t, []byte("\r\n\r\n")) || bytes.HasSuffix(t, []byte("\n\n")) {
			p.endLost(d)
		}
		return
	}
	const final = "0\r\n\r\n"
	if !bytes.HasSuffix(t, []byte(final)) {
		return
	}
	proven := len(t) == len(final) && whole
	if before := len(t) - len(final) - 1; before >= 0 {
		if t[before] != '\n' {
			return
		}
		proven = true
	}
	if st.chunked && proven {
		p.endLost(d)
	} else {
		st.weak = true
	}
}

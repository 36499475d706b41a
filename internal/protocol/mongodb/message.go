// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import "encoding/binary"

// Values of opCode.
const (
	opReply       = 1
	opUpdate      = 2001
	opInsert      = 2002
	opQuery       = 2004
	opGetMore     = 2005
	opDelete      = 2006
	opKillCursors = 2007
	opCompressed  = 2012
	opMsg         = 2013
)

const headerLen = 16

// header is that of a message: messageLength, requestID, responseTo and opCode, each a
// little-endian int32.
type header struct {
	length         int64
	id, responseTo int32
	op             int32
}

func readHeader(b []byte) header {
	return header{
		length: int64(int32(binary.LittleEndian.Uint32(b))), id: int32(binary.LittleEndian.Uint32(b[4:])),
		responseTo: int32(binary.LittleEndian.Uint32(b[8:])), op: int32(binary.LittleEndian.Uint32(b[12:])),
	}
}

// shortest is the length of the shortest message of an operation, 0 for one that does not
// come in the direction. An empty BSON document has 5 bytes.
func shortest(d Direction, op int32) int64 {
	if d == Response {
		switch op {
		case opMsg:
			return headerLen + 4 + 1 + 5
		case opCompressed:
			return headerLen + 9
		case opReply:
			return headerLen + 20
		}
		return 0
	}
	switch op {
	case opMsg:
		return headerLen + 4 + 1 + 5
	case opCompressed:
		return headerLen + 9
	case opQuery:
		return headerLen + 4 + 2 + 8 + 5
	case opUpdate, opInsert, opGetMore, opDelete:
		return headerLen + 4 + 2
	case opKillCursors:
		return headerLen + 8
	}
	return 0
}

// valid tells that a header is possible in the direction.
func (h *header) valid(d Direction) bool {
	least := shortest(d, h.op)
	return least > 0 && h.length >= least && h.length <= maxMessage
}

type flowState uint8

const (
	flowStart  flowState = iota // a message starts here, or (not synced) we look for one
	flowHeader                  // in a header
	flowBody
	flowEnd // no bytes expected
)

// flow is one direction.
type flow struct {
	state    flowState
	synced   bool // flowStart follows the proven end of a message
	segStart bool // the bytes at hand stand at a segment's start
	bound    bool // the message at hand belongs to a request in the queue
	head     [headerLen]byte
	headLen  int
	header   header
	body     body
	start    uint64
	tag      Tag
	lastEnd  uint64 // end of the last segment, 0 after lost bytes
}

// bytes takes captured bytes of a direction.
func (p *Parser) bytes(d Direction, b []byte) {
	f := &p.dir[d]
	for len(b) > 0 && !p.done {
		switch f.state {
		case flowStart:
			if !f.synced && (!f.segStart || headVerdict(d, b) == No) {
				p.cfg.stats.SkippedBytes += uint64(len(b))
				p.missed(d)
				return
			}
			f.state, f.headLen, f.start, f.tag = flowHeader, 0, p.now.start, p.now.tag
		case flowHeader:
			n := copy(f.head[f.headLen:], b)
			b = b[n:]
			f.headLen += n
			if f.headLen == headerLen && !p.begin(d) {
				p.cfg.stats.SkippedBytes += uint64(len(b)) + headerLen
				return
			}
		case flowBody:
			n := min(int64(len(b)), f.body.total-f.body.pos)
			p.bodyBytes(d, b[:n])
			b = b[n:]
			if f.body.pos == f.body.total {
				p.end(d)
			}
		case flowEnd:
			return
		}
		f.segStart = false
	}
}

// begin acts on a whole header.
func (p *Parser) begin(d Direction) bool {
	f := &p.dir[d]
	f.header = readHeader(f.head[:])
	if !f.header.valid(d) || !f.synced && (f.header.responseTo != 0) != (d == Response) {
		if d == Request {
			p.cfg.stats.UndecodableRequests++
		} else {
			p.cfg.stats.UndecodableResponses++
		}
		p.lose(d)
		return false
	}
	f.synced = true
	f.state = flowBody
	if d == Request {
		f.bound = p.newRequest(&f.header)
	} else {
		f.bound = p.bind(&f.header)
	}
	f.body.begin(&f.header, f.bound)
	return true
}

// end acts on a whole message.
func (p *Parser) end(d Direction) {
	f := &p.dir[d]
	f.state = flowStart
	if d == Response {
		p.stream = f.body.more || f.header.op == opCompressed || !f.body.flagged
		p.lastID = f.header.id
	}
	if !f.bound {
		return
	}
	f.bound = false
	if d == Request {
		p.sent()
	} else {
		p.answered()
	}
}

// hole passes n bytes that were not captured.
func (p *Parser) hole(d Direction, n int64) {
	f := &p.dir[d]
	if f.state == flowBody && n > 0 {
		k := min(n, f.body.total-f.body.pos)
		f.body.walk.pd = p.current(d)
		f.body.hole(k)
		f.body.walk.pd = nil
		n -= k
		if f.body.pos == f.body.total {
			p.end(d)
		}
	}
	if n <= 0 || p.done || f.state == flowEnd {
		return
	}
	p.cfg.stats.Gaps++
	p.cfg.stats.GapBytes += uint64(n)
	p.lose(d)
}

// lose: any number of messages may pass unseen from here.
func (p *Parser) lose(d Direction) {
	f := &p.dir[d]
	f.state, f.synced = flowStart, false
	p.missed(d)
}

// missed notes that messages may have passed unseen.
func (p *Parser) missed(d Direction) {
	if d == Response && p.q.n > 0 {
		p.respGap = true
	}
}

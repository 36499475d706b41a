// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import (
	"bytes"
	"encoding/binary"
)

// part is what stands next in a message's body.
type part uint8

const (
	partSkip     part = iota // bytes up to body.skipTo, then body.next
	partFlags                // OP_MSG: flagBits
	partKind                 // of a section
	partSecSize              // kind 1: the section's size
	partSecName              // kind 1: the sequence's name
	partSecDoc               // kind 1: a document's length
	partLegacy               // OP_QUERY, OP_INSERT …: flags or zero
	partFullName             // fullCollectionName
	partLimits               // OP_QUERY: numberToSkip, numberToReturn
	partReply                // OP_REPLY: flags, cursor, startingFrom, numberReturned
	partDocLen               // of the document that is walked
	partType                 // of an element
	partName
	partValueLen // of a string, document or binary value
	partScalar
	partText
	partPattern // a string that ends in NUL, not kept
	partEnd     // nothing that is of interest
)

// sizes of the parts that have one.
var sizes = [...]int{
	partFlags: 4, partKind: 1, partSecSize: 4, partSecDoc: 4, partLegacy: 4, partLimits: 8, partReply: 20, partDocLen: 4,
	partType: 1, partValueLen: 4, partEnd: 0,
}

// Bits of OP_MSG's flagBits and of OP_REPLY's responseFlags.
const (
	flagChecksum     = 1 << 0
	flagMoreToCome   = 1 << 1
	flagQueryFailure = 1 << 1
)

// body is where a message's content has been read to. Offsets count from the header's end.
type body struct {
	total, pos int64
	end        int64 // of the sections: without the checksum
	part, next part
	after      part // of the document that is walked
	skipTo     int64
	secEnd     int64 // of a section of kind 1
	op         int32
	more       bool // moreToCome
	flagged    bool // the flags were seen
	bad        bool // the content is no BSON

	acc    [20]byte
	accLen int
	need   int
	name   [maxName]byte
	// nameLen counts also what name has no room for.
	nameLen int

	walk walk
}

// begin prepares for a body. Of a message that nobody waits for only the flags are read.
func (m *body) begin(h *header, wanted bool) {
	m.total, m.pos, m.secEnd, m.op = h.length-headerLen, 0, 0, h.op
	m.end, m.after = m.total, partEnd
	m.more, m.flagged, m.bad = false, false, false
	m.walk.depth, m.walk.pd, m.walk.counting = 0, nil, false
	switch h.op {
	case opMsg:
		m.after = partKind
		m.to(partFlags)
	case opQuery, opInsert, opUpdate, opDelete, opGetMore:
		m.to(partLegacy)
	case opReply:
		m.flagged = true
		m.to(partReply)
	default:
		m.to(partEnd)
	}
	if !wanted && h.op != opMsg {
		m.to(partEnd)
	}
}

// to goes on with a part.
func (m *body) to(next part) {
	switch next {
	case partSecDoc:
		if m.pos > m.secEnd {
			m.spoil()
			return
		}
		if m.pos == m.secEnd {
			m.endSequence()
			m.to(partKind)
			return
		}
	case partKind:
		if m.pos >= m.end {
			m.to(partEnd)
			return
		}
	case partEnd:
		m.part, m.next, m.skipTo = partSkip, partEnd, m.total
		return
	case partSecName, partFullName, partName, partPattern:
		m.nameLen = 0
	case partScalar: // its size is set
	default:
	}
	m.part, m.accLen = next, 0
	if next != partScalar && int(next) < len(sizes) {
		m.need = sizes[next]
	}
}

// skip passes over n bytes and goes on with next. With partEnd nothing else is of interest
// either, as what follows a document in a legacy message.
func (m *body) skip(n int64, next part) {
	if n == 0 || next == partEnd {
		m.to(next)
		return
	}
	m.part, m.skipTo, m.next = partSkip, m.pos+n, next
}

// lost goes on where that is known without the bytes that were not captured: behind the
// document, the section, or the message.
func (m *body) lost() {
	m.giveUp()
	end, next := m.secEnd, partKind
	if m.walk.depth > 0 {
		end, next = m.walk.frames[0].end, m.after
	}
	m.walk.depth, m.secEnd = 0, 0
	if m.bad || end <= m.pos {
		m.to(partEnd)
		return
	}
	m.skip(end-m.pos, next)
}

// hole passes n bytes of the body that were not captured.
func (m *body) hole(n int64) {
	for n > 0 {
		if m.part != partSkip {
			m.lost()
			continue
		}
		k := min(n, m.skipTo-m.pos)
		m.pos += k
		n -= k
		if m.pos == m.skipTo && m.next != partEnd {
			m.to(m.next)
		}
	}
}

// bodyBytes takes captured bytes of the body.
func (p *Parser) bodyBytes(d Direction, b []byte) {
	m := &p.dir[d].body
	pd := p.current(d)
	m.walk.pd = pd
	for len(b) > 0 {
		var n int
		switch m.part {
		case partSkip:
			n = int(min(int64(len(b)), m.skipTo-m.pos))
			m.pos += int64(n)
			if m.pos == m.skipTo && m.next != partEnd {
				m.to(m.next)
			}
		case partSecName, partFullName, partName, partPattern:
			n = m.cstring(pd, b)
		case partText:
			n = m.text(pd, b)
		case partType:
			if n = m.elements(pd, b); n == 0 {
				n = m.fixed(pd, b)
			}
		default:
			n = m.fixed(pd, b)
		}
		b = b[n:]
	}
	m.walk.pd = nil
	if m.bad {
		m.bad = false
		p.cfg.stats.BadDocuments++
	}
}

// current is the request that the message at hand is, or answers; nil when none waits.
func (p *Parser) current(d Direction) *pending {
	switch {
	case !p.dir[d].bound:
		return nil
	case d == Request:
		return p.q.tail()
	default:
		return p.q.at(0)
	}
}

// fixed gathers a part of known size and acts on it.
func (m *body) fixed(pd *pending, b []byte) int {
	v, n := b, m.need
	if m.accLen > 0 || len(b) < m.need {
		n = copy(m.acc[m.accLen:m.need], b)
		m.accLen += n
		if m.accLen < m.need {
			m.pos += int64(n)
			return n
		}
		v = m.acc[:]
	}
	m.pos += int64(n)
	v = v[:m.need]
	m.accLen = 0
	switch m.part {
	case partFlags:
		m.flags(pd, binary.LittleEndian.Uint32(v))
	case partKind:
		m.kind(v[0])
	case partSecSize:
		// The size counts itself.
		m.secEnd = m.pos - 4 + int64(int32(binary.LittleEndian.Uint32(v)))
		if m.secEnd <= m.pos || m.secEnd > m.end {
			m.spoil()
			break
		}
		m.to(partSecName)
	case partSecDoc:
		m.sequenceDoc(int64(int32(binary.LittleEndian.Uint32(v))))
	case partLegacy:
		m.to(partFullName)
	case partLimits:
		m.to(partDocLen)
	case partReply:
		m.reply(pd, v)
	default:
		m.element(pd, v)
	}
	return n
}

// spoil gives up on a body whose lengths make no sense.
func (m *body) spoil() {
	m.bad = true
	m.lost()
}

func (m *body) flags(pd *pending, flags uint32) {
	m.flagged = true
	m.more = flags&flagMoreToCome != 0
	if flags&flagChecksum != 0 {
		m.end -= 4
	}
	if pd == nil {
		m.to(partEnd)
		return
	}
	m.to(partKind)
}

func (m *body) kind(k byte) {
	switch k {
	case 0:
		m.to(partDocLen)
	case 1:
		m.to(partSecSize)
	default:
		m.spoil()
	}
}

func (m *body) sequenceDoc(length int64) {
	if length < 5 || m.pos-4+length > m.secEnd {
		m.spoil()
		return
	}
	m.walk.count++
	m.skip(length-4, partSecDoc)
}

func (m *body) reply(pd *pending, v []byte) {
	if binary.LittleEndian.Uint32(v)&flagQueryFailure != 0 {
		pd.statusKnown, pd.failed = true, true
	}
	if n := int64(int32(binary.LittleEndian.Uint32(v[16:]))); pd.legacy && pd.addressed && !pd.isCommand {
		pd.statusKnown, pd.returned = true, n
	}
	if m.pos >= m.end {
		m.to(partEnd)
		return
	}
	m.to(partDocLen)
}

// cstring gathers a string that ends in NUL and acts on it.
func (m *body) cstring(pd *pending, b []byte) int {
	i := bytes.IndexByte(b, 0)
	n := i + 1
	part := b
	if i < 0 {
		n = len(b)
	} else {
		part = b[:i]
	}
	m.pos += int64(n)
	if w := &m.walk; w.depth > 0 && m.pos >= w.frames[w.depth-1].end {
		m.spoil()
		return n
	}
	name := part
	if m.nameLen > 0 || i < 0 {
		if m.nameLen < maxName {
			copy(m.name[m.nameLen:], part)
		}
		m.nameLen += len(part)
		if i < 0 {
			return n
		}
		name = m.name[:min(m.nameLen, maxName)]
	}
	if max(m.nameLen, len(part)) > maxName {
		name = nil // none that we know
	}
	m.nameLen = 0
	switch m.part {
	case partSecName:
		m.sequence(name)
		m.to(partSecDoc)
	case partFullName:
		m.fullName(pd, name)
	case partName:
		m.named(pd, name)
	default:
		m.walk.patterns--
		if m.walk.patterns > 0 {
			m.to(partPattern)
			break
		}
		m.to(partType)
	}
	return n
}

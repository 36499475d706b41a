// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import "encoding/binary"

// Frame types (RFC 9113 section 6).
const (
	frameData uint8 = iota
	frameHeaders
	framePriority
	frameReset
	frameSettings
	framePushPromise
	framePing
	frameGoAway
	frameWindowUpdate
	frameContinuation
)

const (
	flagEndStream  = 0x01 // DATA, HEADERS
	flagAck        = 0x01 // SETTINGS, PING
	flagEndHeaders = 0x04
	flagPadded     = 0x08
	flagPriority   = 0x20
)

const (
	frameHeaderLen  = 9
	defaultMaxFrame = 16 << 10
	maxSettings     = 64 // settings read of one frame
)

// frame is the frame at hand.
type frame struct {
	open        bool
	kind, flags uint8
	cut         bool // a part of the payload was not captured
	id          uint32
	length      uint32
	remain      int64 // payload bytes to come
	start       uint64
	tag         Tag

	// Of DATA:
	stream  *stream // nil when not followed
	padByte bool    // the pad length is yet to come
	pad     int64
}

func (f *frame) parse(b []byte) {
	f.length = uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
	f.kind, f.flags = b[3], b[4]
	f.id = binary.BigEndian.Uint32(b[5:]) & (1<<31 - 1)
	f.remain = int64(f.length)
}

// legal checks what RFC 9113 section 6 asks of every frame. Unknown types are legal.
func (f *frame) legal() bool {
	switch f.kind {
	case frameData, frameHeaders, framePushPromise, frameContinuation:
		return f.id != 0
	case framePriority:
		return f.id != 0 && f.length == 5
	case frameReset:
		return f.id != 0 && f.length == 4
	case frameSettings:
		return f.id == 0 && f.length%6 == 0 && (f.flags&flagAck == 0 || f.length == 0)
	case framePing:
		return f.id == 0 && f.length == 8
	case frameGoAway:
		return f.id == 0 && f.length >= 8
	case frameWindowUpdate:
		return f.length == 4
	}
	return true
}

// frameHeader takes bytes of a frame's header.
func (p *Parser) frameHeader(d Direction, b []byte) []byte {
	sd := &p.side[d]
	f := &sd.frame
	if len(sd.buf) == 0 {
		f.start, f.tag = p.now.start, p.now.tag
	}
	var h, rest []byte
	if len(sd.buf) == 0 && len(b) >= frameHeaderLen {
		h, rest = b[:frameHeaderLen], b[frameHeaderLen:]
	} else {
		n := min(len(b), frameHeaderLen-len(sd.buf))
		sd.buf, rest = append(sd.buf, b[:n]...), b[n:]
		if h = sd.buf; len(h) < frameHeaderLen {
			return rest
		}
	}
	f.parse(h)
	sd.buf = sd.buf[:0]
	if !f.legal() {
		p.cfg.stats.BadFrames++
		p.lose(d)
		return rest
	}
	if sd.block.open && (f.kind != frameContinuation || f.id != sd.block.id) {
		p.cfg.stats.BadFrames++ // RFC 9113 section 6.10
		p.endBlock(d, true)
	}
	f.open, f.cut = true, false
	if f.kind == frameData {
		f.stream, f.padByte, f.pad = p.find(f.id), f.flags&flagPadded != 0, 0
		if st := f.stream; st != nil {
			st.active = max(st.active, p.now.end)
			if st.ended[d] {
				f.stream = nil
			}
		}
	}
	if f.remain == 0 {
		p.endFrame(d, nil)
	}
	return rest
}

// payload takes bytes of a frame's payload.
func (p *Parser) payload(d Direction, b []byte) []byte {
	sd := &p.side[d]
	f := &sd.frame
	n := int(min(f.remain, int64(len(b))))
	part, rest := b[:n], b[n:]
	if f.kind == frameData {
		p.data(d, part)
		if f.remain == 0 {
			p.endFrame(d, nil)
		}
		return rest
	}
	f.remain -= int64(n)
	if f.remain == 0 && len(sd.buf) == 0 && !f.cut {
		p.endFrame(d, part)
		return rest
	}
	if room := p.cfg.collect(f) - len(sd.buf); !f.cut && room > 0 {
		sd.buf = append(sd.buf, part[:min(room, n)]...)
		f.cut = n > room
	} else {
		f.cut = true
	}
	if f.remain == 0 {
		p.endFrame(d, sd.buf)
	}
	return rest
}

// collect is how much of a frame's payload is kept when it comes in pieces.
func (c *Config) collect(f *frame) int {
	switch f.kind {
	case frameHeaders, framePushPromise, frameContinuation:
		return c.maxHeader
	case frameReset, frameGoAway:
		return 8
	case frameSettings:
		return 6 * maxSettings
	}
	return 0
}

// payloadHole passes bytes of a payload that were not captured, at most n, and tells how many.
func (p *Parser) payloadHole(d Direction, n int64) int64 {
	sd := &p.side[d]
	f := &sd.frame
	n = min(n, f.remain)
	if f.kind == frameData {
		p.dataHole(d, n)
	} else {
		f.remain -= n
		f.cut = true
	}
	if f.remain == 0 {
		p.endFrame(d, sd.buf)
	}
	return n
}

// data takes captured bytes of a DATA frame.
func (p *Parser) data(d Direction, b []byte) {
	f := &p.side[d].frame
	if f.padByte {
		f.padByte, f.pad = false, int64(b[0])
		f.remain--
		b = b[1:]
		if f.pad > f.remain {
			p.cfg.stats.BadFrames++
			f.pad = f.remain
		}
	}
	n := min(int64(len(b)), f.remain-f.pad)
	f.remain -= int64(len(b))
	st := f.stream
	if st == nil || n <= 0 {
		return
	}
	st.body[d] += n
	if st.grpc {
		st.messages[d].pass(b[:n])
	} else {
		st.messages[d].lost = true
	}
}

func (p *Parser) dataHole(d Direction, n int64) {
	f := &p.side[d].frame
	st := f.stream
	body := min(n, f.remain-f.pad)
	f.remain -= n
	if f.padByte { // how much of it is padding is not known
		f.padByte = false
		if st != nil {
			st.sizeLost[d] = true
		}
	}
	if st == nil || body <= 0 {
		return
	}
	st.body[d] += body
	switch m := &st.messages[d]; {
	case !st.grpc || st.sizeLost[d]:
		m.lost = true
	case m.hole(body):
		p.cfg.stats.MessagesLost++
	}
}

// endFrame acts on a frame whose payload has passed; b is what was kept of it.
func (p *Parser) endFrame(d Direction, b []byte) {
	sd := &p.side[d]
	f := &sd.frame
	f.open = false
	switch f.kind {
	case frameData:
		if st := f.stream; st != nil && f.flags&flagEndStream != 0 {
			p.endStream(d, st)
		}
		f.stream = nil
	case frameHeaders, framePushPromise, frameContinuation:
		p.headerFrame(d, b)
	case frameReset:
		p.resetStream(d, b)
	case frameSettings:
		p.settings(d, b)
	case frameGoAway:
		p.goAway(d, b)
	}
	if len(sd.buf) > 0 {
		clear(sd.buf) // may hold credentials
		sd.buf = reusable(sd.buf)
	}
}

// Settings that matter here (RFC 9113 section 6.5.2). They bind the other direction.
const (
	settingHeaderTableSize = 1
	settingMaxFrameSize    = 5
)

func (p *Parser) settings(d Direction, b []byte) {
	other := &p.side[1-d]
	if p.side[d].frame.cut {
		other.table.limit = 0
	}
	for ; len(b) >= 6; b = b[6:] {
		switch v := binary.BigEndian.Uint32(b[2:]); binary.BigEndian.Uint16(b) {
		case settingHeaderTableSize:
			// The encoder tells in the block when its table changes; this only bounds it.
			other.maxTable = max(other.maxTable, v)
			if t := &other.table; t.limit != 0 {
				t.limit = max(t.limit, v)
			}
		case settingMaxFrameSize:
			other.maxFrame = min(max(other.maxFrame, v), 1<<24-1)
		}
	}
}

func (p *Parser) resetStream(d Direction, b []byte) {
	p.cfg.stats.Resets++
	st := p.find(p.side[d].frame.id)
	if st == nil {
		return
	}
	st.reset = ResetByClient
	if d == Response {
		st.reset = ResetByServer
	}
	if len(b) >= 4 {
		st.resetCode, st.resetCodeKnown = binary.BigEndian.Uint32(b), true
	}
	p.abort(st, CloseNone, p.now.end)
}

// goAway ends the requests that a server says it did not process (RFC 9113 section 6.8).
func (p *Parser) goAway(d Direction, b []byte) {
	p.cfg.stats.GoAways++
	if d == Request || len(b) < 4 {
		return
	}
	p.refuse = min(p.refuse, binary.BigEndian.Uint32(b)&(1<<31-1))
	code, known := uint32(0), len(b) >= 8
	if known {
		code = binary.BigEndian.Uint32(b[4:])
	}
	for _, st := range p.sorted() {
		if st.id > p.refuse && !st.pushed && !st.headSeen {
			st.reset, st.resetCode, st.resetCodeKnown = ResetGoAway, code, known
			p.finish(st, NoResponse, CloseNone, p.now.end)
		}
	}
}

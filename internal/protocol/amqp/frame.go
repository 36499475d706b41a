// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

import "encoding/binary"

// Frame types, and the octet that ends each frame (section 4.2.3 of the specification).
const (
	frameMethod    = 1
	frameContent   = 2
	frameBody      = 3
	frameHeartbeat = 8
	frameEnd       = 0xce
)

const (
	// frameHeader is the length of type, channel and size.
	frameHeader = 7
	// maxMethod bounds the payload of a method or header frame: the usual frame_max.
	maxMethod = 1 << 17
	// maxBody bounds that of a body frame; a server may be configured to any.
	maxBody = 1 << 30
)

type state uint8

const (
	lost    state = iota // where a frame begins is not known
	atStart              // a frame begins here
	inFrame              // in a payload and its frame-end
)

// flow is one direction.
type flow struct {
	dir   Direction
	state state
	// head is the frame's header as far as it came, n of need bytes.
	head    [8]byte
	n, need int

	kind    uint8
	channel uint16
	size    int64
	left    int64 // bytes of the payload to come, and the frame-end
	buf     []byte
	cut     bool // not all of the payload was seen
	hide    bool // it may hold a secret, or nobody needs it
	guessed bool // the frame's header was not seen
	start   uint64
	tag     Tag
}

// keepBuf is the largest buffer kept for the next connection.
const keepBuf = 4 << 10

// reset keeps the buffer.
func (f *flow) reset() (n flow) {
	if cap(f.buf) <= keepBuf {
		n.buf = f.buf[:0]
	}
	return n
}

// bytes takes the captured bytes of a segment.
func (p *Parser) bytes(f *flow, b []byte) {
	if f.state != inFrame && f.n == 0 && encrypted(b) {
		p.foreign(&p.cfg.stats.EncryptedConnections)
		return
	}
	for i := 0; i < len(b) && !p.done; {
		switch f.state {
		case lost:
			n, found := resync(b[i:], i == 0)
			if i == 0 && !found && f.dir == Request && string(b[:min(len(b), 4)]) == greeting[:4] {
				n, found = 0, true
			}
			p.cfg.stats.SkippedBytes += uint64(n)
			i += n
			if found {
				f.state, f.n = atStart, 0
			}
		case atStart:
			if f.n == 0 {
				f.start, f.tag = p.now.start, p.now.tag
				f.tag.Seq += uint32(i)
				f.need = frameHeader
				if b[i] == 'A' && f.dir == Request {
					f.need = len(greeting)
				}
			}
			n := copy(f.head[f.n:f.need], b[i:])
			i += n
			if f.n += n; f.n == f.need {
				f.n = 0
				p.begin(f)
			}
		case inFrame:
			n := int(min(f.left, int64(len(b)-i)))
			p.payload(f, b[i:i+n])
			i += n
		}
	}
}

// begin takes the header of a frame.
func (p *Parser) begin(f *flow) {
	if f.need == len(greeting) {
		switch {
		case string(f.head[:]) == greeting:
		case string(f.head[:4]) == greeting[:4]:
			p.foreign(&p.cfg.stats.ForeignConnections)
		default:
			p.broken(f)
		}
		return
	}
	f.kind = f.head[0]
	f.channel = binary.BigEndian.Uint16(f.head[1:])
	f.size = int64(binary.BigEndian.Uint32(f.head[3:]))
	limit := int64(maxMethod)
	switch f.kind {
	case frameMethod, frameContent:
	case frameBody:
		limit = maxBody
	case frameHeartbeat:
		limit = 0
	default:
		p.broken(f)
		return
	}
	if f.size > limit || f.kind == frameMethod && f.size < 4 {
		p.broken(f)
		return
	}
	p.expect(f)
}

// expect begins the payload.
func (p *Parser) expect(f *flow) {
	f.left = f.size + 1
	f.buf = f.buf[:0]
	f.cut, f.guessed = false, false
	f.hide = f.kind == frameBody
	f.state = inFrame
}

// broken gives up the framing.
func (p *Parser) broken(f *flow) {
	p.cfg.stats.Undecodable++
	p.abandon(f)
	f.state = lost
}

// payload takes bytes of the frame, not more than are left of it.
func (p *Parser) payload(f *flow, b []byte) {
	whole := int64(len(b)) == f.left
	if whole && b[len(b)-1] != frameEnd {
		p.broken(f)
		return
	}
	rest := b
	if whole {
		rest = b[:len(b)-1]
	}
	switch {
	case f.hide:
	case whole && int64(len(rest)) == f.size: // all of it at once: it need not be copied
		f.left = 0
		p.ended(f, rest)
		return
	default:
		p.keep(f, rest)
	}
	f.left -= int64(len(b))
	if f.left == 0 {
		p.ended(f, f.buf)
	}
}

// keep keeps bytes of a method or header frame that comes in pieces, but for secrets.
func (p *Parser) keep(f *flow, b []byte) {
	if f.cut {
		return
	}
	if f.kind == frameMethod && len(f.buf) < 4 {
		n := min(4-len(f.buf), len(b))
		f.buf = append(f.buf, b[:n]...)
		b = b[n:]
		if len(f.buf) == 4 && method(binary.BigEndian.Uint32(f.buf)).isSecret() {
			f.hide = true
			return
		}
	}
	if room := p.cfg.maxHeader - len(f.buf); len(b) > room {
		b, f.cut = b[:room], true
	}
	f.buf = append(f.buf, b...)
}

// ended takes a frame whose payload has ended.
func (p *Parser) ended(f *flow, payload []byte) {
	f.state = atStart
	switch f.kind {
	case frameMethod:
		if len(payload) >= 4 {
			p.method(f, method(binary.BigEndian.Uint32(payload)), payload[4:])
		} else {
			p.cfg.stats.Undecodable++ // its ID was in a hole: it may have been a message
		}
	case frameContent:
		p.header(f, payload)
	case frameBody:
		p.body(f)
	}
}

// hole takes note of n bytes that were not captured.
func (p *Parser) hole(f *flow, n int64) {
	for f.state == inFrame {
		part := min(n, f.left)
		f.left -= part
		n -= part
		if part > 0 {
			f.cut = true
		}
		if f.left > 0 {
			return
		}
		p.ended(f, f.buf)
		if n == 0 {
			return
		}
		if !p.guess(f) {
			break
		}
	}
	if f.state == atStart {
		p.cfg.stats.Gaps++
	}
	p.cfg.stats.GapBytes += uint64(n)
	p.abandon(f)
	f.state = lost
}

// guess begins the next frame of a body of which the header was not seen.
func (p *Parser) guess(f *flow) bool {
	if f.kind != frameBody {
		return false
	}
	c := p.content(f.dir, f.channel)
	if c == nil || c.left <= 0 {
		return false
	}
	f.size = min(c.frame, c.left)
	p.expect(f)
	f.left += frameHeader
	f.guessed = true
	return true
}

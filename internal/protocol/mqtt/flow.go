// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

type state uint8

const (
	lost     state = iota // where a packet begins is not known
	atStart               // a packet begins here
	inHead                // in its type and length
	inPacket              // in what these tell of
)

// flow is one direction.
type flow struct {
	dir    Direction
	state  state
	proven bool    // a packet of which more than its fixed header is valid stood where it should
	head   [5]byte // the fixed header as far as it came
	n      int

	first      byte
	size, left int64
	buf        []byte // the packet's beginning
	keep       int    // how much of it
	cut        bool   // not all of that was seen
	read       bool   // the variable header of a PUBLISH was read: msg is it
	msg        content
	start      uint64
	tag        Tag
	aliases    map[uint16][]byte
}

// keepBuf is the largest buffer kept for the next connection.
const keepBuf = 4 << 10

// reset keeps the buffers.
func (f *flow) reset(d Direction) flow {
	n := flow{dir: d, msg: f.msg, aliases: f.aliases}
	if cap(f.buf) <= keepBuf {
		n.buf = f.buf[:0]
	}
	n.msg.reset()
	clear(n.aliases)
	return n
}

// bytes takes the captured bytes of a segment.
func (p *Parser) bytes(f *flow, b []byte) {
	if (f.state == lost || f.state == atStart) && encrypted(b) {
		p.cfg.stats.EncryptedConnections++
		p.Close(CloseEvicted, p.now.end)
		return
	}
	for i := 0; i < len(b) && !p.done; {
		switch f.state {
		case lost:
			n := 0
			found := false
			if i == 0 {
				n = p.connecting(f, b)
			}
			if n == 0 {
				n, found = resync(f.dir, p.version, b[i:], i == 0)
			}
			p.cfg.stats.SkippedBytes += uint64(n)
			i += n
			if found {
				f.state = atStart
			}
		case atStart:
			f.start, f.tag = p.now.start, p.now.tag
			f.tag.Seq += uint32(i)
			f.state, f.n = inHead, 0
		case inHead:
			f.head[f.n] = b[i]
			f.n++
			i++
			p.fixed(f)
		case inPacket:
			n := int(min(f.left, int64(len(b)-i)))
			p.packet(f, b[i:i+n])
			i += n
		}
	}
}

// connecting takes a segment that is the rest of a CONNECT, of which the fixed header was read
// alone before observation began. It gives its length, 0 if it is something else.
func (p *Parser) connecting(f *flow, b []byte) int {
	if f.dir != Request || p.version != versionUnknown {
		return 0
	}
	v, verdict := protocolName(b)
	if verdict != Yes {
		return 0
	}
	p.version = v
	return len(b)
}

// fixed looks at the fixed header as far as it is there.
func (p *Parser) fixed(f *flow) {
	if f.n == 1 {
		if !validFirst(f.dir, f.head[0]) {
			p.broken(f)
		}
		return
	}
	size, n := varint(f.head[1:f.n])
	switch {
	case n < 0:
		p.broken(f)
		return
	case n == 0:
		return
	case !validSize(f.head[0], size):
		p.broken(f)
		return
	}
	f.first, f.size, f.left = f.head[0], size, size
	f.buf, f.cut, f.read, f.keep = f.buf[:0], false, false, 0
	switch f.first >> 4 {
	case ptPublish, ptSubscribe, ptUnsubscribe:
		f.keep = p.cfg.maxHeader
	case ptConnect:
		f.keep = 9 // the longest name and level: no more
	case ptPuback, ptPubrec, ptPubcomp:
		f.keep = 3
	}
	f.state = inPacket
	if f.left == 0 {
		p.ended(f, nil)
	}
}

// broken gives up the framing. No message is under way then: nothing behind the variable
// header of a PUBLISH can be wrong.
func (p *Parser) broken(f *flow) {
	p.cfg.stats.Undecodable++
	f.state, f.proven = lost, false
}

// packet takes bytes of the packet at hand, not more than are left of it. Mostly they are all
// of it: then they are not copied.
func (p *Parser) packet(f *flow, b []byte) {
	data := b
	if f.keep > 0 && (len(f.buf) > 0 || f.cut) {
		if !f.cut {
			f.buf = append(f.buf, b[:min(len(b), max(0, f.keep-len(f.buf)))]...)
		}
		data = f.buf
	}
	data = data[:min(len(data), f.keep)]
	whole := int64(len(b)) == f.left
	if f.first>>4 == ptPublish && !f.read {
		var h publish
		switch h.read(f.first, data, f.size, p.version, f.cut || len(data) >= f.keep) {
		case bad:
			p.broken(f)
			return
		case done:
			p.header(f, &h)
			f.keep, f.buf = 0, f.buf[:0]
		}
	}
	f.left -= int64(len(b))
	if whole {
		p.ended(f, data)
		return
	}
	if f.keep > 0 && len(f.buf) == 0 && !f.cut {
		f.buf = append(f.buf, data...)
	}
}

// hole takes note of n bytes that were not captured.
func (p *Parser) hole(f *flow, n int64) {
	if f.state == inPacket {
		part := min(n, f.left)
		f.left -= part
		n -= part
		if part > 0 && f.keep > 0 && len(f.buf) < f.keep {
			f.cut = true
			var h publish
			if f.first>>4 == ptPublish && !f.read && h.read(f.first, f.buf, f.size, p.version, true) == done {
				p.header(f, &h)
				f.keep = 0
			}
		}
		if f.left > 0 {
			return
		}
		p.ended(f, f.buf[:min(len(f.buf), f.keep)])
		if n == 0 {
			return
		}
	}
	if f.state != lost {
		p.cfg.stats.Gaps++
	}
	p.cfg.stats.GapBytes += uint64(n)
	f.state, f.proven = lost, false
}

// ended takes a packet of which all bytes have passed. data is its beginning, as far as it is kept.
func (p *Parser) ended(f *flow, data []byte) {
	f.state = atStart
	switch f.first >> 4 {
	case ptPublish:
		if !f.read {
			p.cfg.stats.UnseenTopics++
			if !f.proven {
				return
			}
			p.header(f, &publish{length: -1, cut: true})
		}
		p.passed(f)
		return
	case ptConnect:
		if v, verdict := protocolName(data); verdict == Yes {
			p.version = v
		}
	case ptConnack:
		if p.version == versionUnknown {
			p.version = version311
			if f.size > 2 {
				p.version = version5
			}
		}
	case ptSubscribe, ptUnsubscribe:
		if !f.cut && int64(len(data)) == f.size {
			p.subscribe(data, f.first>>4 == ptUnsubscribe)
		}
	case ptPuback, ptPubrec, ptPubcomp:
		p.answer(f, data)
	}
	f.proven = true
}

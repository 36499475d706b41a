// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"encoding/binary"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
)

const (
	sizeBytes      = 4
	requestHeader  = 4 + 2 + 2 + 4 // size, key, version, correlation id
	responseHeader = 4 + 4         // size, correlation id
)

func (p *Parser) requestBytes(b []byte) {
	sd := &p.side[segment.Request]
	for len(b) > 0 {
		if sd.body > 0 {
			n := min(sd.body, int64(len(b)))
			p.walk[segment.Request].feed(b[:n])
			b = b[n:]
			p.passed(segment.Request, n)
		} else {
			b = p.requestHead(b)
		}
		sd.segStart = false
	}
}

// requestHead reads what stands before a request's body, and gives the rest of b.
func (p *Parser) requestHead(b []byte) []byte {
	sd := &p.side[segment.Request]
	had := sd.n
	if had == 0 {
		sd.start, sd.tag = p.now.start, p.now.tag
	}
	if !sd.synced && had == 0 && !sd.segStart {
		p.cfg.stats.SkippedBytes += uint64(len(b))
		return nil
	}
	sd.n += copy(sd.head[had:], b)
	view := sd.head[:sd.n]
	switch {
	case sd.synced && p.raw && sd.n < sizeBytes:
		return nil
	case sd.synced && p.raw:
		switch requestVerdict(view) {
		case segment.NeedMore:
			return nil
		case segment.No:
			return p.token(b, had)
		}
	case sd.synced:
		if sd.n < requestHeader {
			return nil
		}
	default:
		switch requestVerdict(view) {
		case segment.NeedMore:
			return nil
		case segment.No:
			return p.notRequest(b, had)
		}
	}
	size := int64(int32(binary.BigEndian.Uint32(view)))
	api, version := API(binary.BigEndian.Uint16(view[4:])), int16(binary.BigEndian.Uint16(view[6:]))
	if size < requestHeader-sizeBytes || api < 0 || version < 0 {
		p.cfg.stats.UndecodableRequests++
		p.cfg.stats.SkippedBytes += uint64(len(b))
		sd.forget()
		p.lose(segment.Request)
		return nil
	}
	sd.synced, sd.lone = true, false
	p.newRequest(api, version, int32(binary.BigEndian.Uint32(view[8:])), size)
	return p.behindHead(segment.Request, b, had, requestHeader)
}

// behindHead feeds what stands in the header's buffer behind the header, and gives the rest
// of b, of which a part was copied there behind had bytes.
func (p *Parser) behindHead(d segment.Direction, b []byte, had, header int) []byte {
	sd := &p.side[d]
	over := sd.head[header:max(header, had)]
	sd.n = 0
	switch {
	case sd.body == 0: // had is less than the header: nothing of a next message was kept
		p.passed(d, 0)
	case len(over) > 0:
		n := min(sd.body, int64(len(over)))
		p.walk[d].feed(over[:n])
		p.passed(d, n)
	}
	return b[max(0, header-had):]
}

// notRequest passes what cannot begin a request, after had bytes that might have.
func (p *Parser) notRequest(b []byte, had int) []byte {
	sd := &p.side[segment.Request]
	sd.forget()
	if had > 0 && sd.segStart {
		p.cfg.stats.SkippedBytes += uint64(had)
		return b // looked at anew
	}
	if !sd.seen && p.headless(b) {
		return b[requestHeader-sizeBytes:]
	}
	p.cfg.stats.SkippedBytes += uint64(len(b))
	return nil
}

// headless takes a request whose size was read, by its server, before observation began.
func (p *Parser) headless(b []byte) bool {
	sd := &p.side[segment.Request]
	var head [headBytes]byte
	binary.BigEndian.PutUint32(head[:], uint32(min(p.now.length, maxMessage)))
	n := sizeBytes + copy(head[sizeBytes:], b)
	if requestVerdict(head[:n]) != segment.Yes {
		return false
	}
	sd.lone = true
	p.newRequest(API(binary.BigEndian.Uint16(b)), int16(binary.BigEndian.Uint16(b[2:])), int32(binary.BigEndian.Uint32(b[4:])), p.now.length)
	if p.open != nil {
		p.open.reqSize = -1
	}
	return true
}

// token passes a raw authentication token: a size and bytes, nothing of which is kept.
func (p *Parser) token(b []byte, had int) []byte {
	sd := &p.side[segment.Request]
	size := int64(int32(binary.BigEndian.Uint32(sd.head[:])))
	over := max(0, had-sizeBytes)
	sd.forget()
	if size < int64(over) {
		p.cfg.stats.UndecodableRequests++
		p.cfg.stats.SkippedBytes += uint64(len(b))
		p.lose(segment.Request)
		return nil
	}
	p.cfg.stats.Tokens++
	p.tokens++
	p.walk[segment.Request].stop()
	p.open, sd.lone, sd.body = nil, false, size-int64(over)
	return b[max(0, sizeBytes-had):]
}

// newRequest takes a request whose header is known.
func (p *Parser) newRequest(api API, version int16, correlation int32, size int64) {
	sd, stats := &p.side[segment.Request], p.cfg.stats
	stats.Requests++
	sd.body = size - (requestHeader - sizeBytes)
	p.raw = api == SaslHandshake && version == 0
	p.open = nil
	p.walk[segment.Request].stop()
	if p.q.n >= p.cfg.maxPipeline {
		stats.DropOverflow++
		p.ghosts++
		return
	}
	pd := p.cfg.newPending()
	pd.api, pd.version, pd.correlation = api, version, correlation
	pd.reqStart, pd.reqTag, pd.reqSize, pd.respSize = sd.start, sd.tag, size+sizeBytes, -1
	p.q.push(pd)
	p.open = pd
	p.walk[segment.Request].begin(pd, sd.body)
}

// endRequest takes note of a request's end.
func (p *Parser) endRequest() {
	sd := &p.side[segment.Request]
	if pd := p.open; pd != nil {
		p.walk[segment.Request].end()
		p.walk[segment.Request].stop()
		p.open = nil
		pd.reqEnd = p.now.end
		if pd != p.answer && pd.api == Produce && pd.acksKnown && pd.acks == 0 {
			p.q.popTail()
			p.missed = min(p.missed, p.q.n)
			p.finish(pd, NoReply, segment.CloseNone, p.now.end)
		}
	}
	if sd.lone {
		sd.synced, sd.lone = false, false
	}
}

// maxMessage bounds what is taken for a message while the framing is not known: as much as
// brokers take by default (socket.request.max.bytes).
const maxMessage = 100 << 20

// requestVerdict tells whether b begins with a request.
func requestVerdict(b []byte) segment.Verdict {
	if len(b) < sizeBytes {
		if len(b) > 0 && b[0] > maxMessage>>24 {
			return segment.No
		}
		return segment.NeedMore
	}
	size := binary.BigEndian.Uint32(b)
	if size < requestHeader-sizeBytes+2 || size > maxMessage {
		return segment.No
	}
	if len(b) < 6 {
		if len(b) == 5 && b[4] != 0 {
			return segment.No
		}
		return segment.NeedMore
	}
	key := int(binary.BigEndian.Uint16(b[4:]))
	if key >= len(apis) {
		return segment.No
	}
	if len(b) < 8 {
		if len(b) == 7 && b[6] != 0 {
			return segment.No
		}
		return segment.NeedMore
	}
	if binary.BigEndian.Uint16(b[6:]) > uint16(apis[key].version)+newerVersions {
		return segment.No
	}
	if len(b) < requestHeader+2 {
		return segment.NeedMore
	}
	n := int(int16(binary.BigEndian.Uint16(b[requestHeader:])))
	if n < -1 || n > int(size)-(requestHeader-sizeBytes+2) || n > maxClientID {
		return segment.No
	}
	id := b[requestHeader+2:]
	for _, c := range id[:min(max(n, 0), len(id))] {
		if c < ' ' || c == 0x7f {
			return segment.No
		}
	}
	if len(b) < headBytes && len(id) < n {
		return segment.NeedMore
	}
	return segment.Yes
}

// newerVersions is how many versions beyond those known are thought possible.
const newerVersions = 3

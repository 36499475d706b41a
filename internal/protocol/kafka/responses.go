// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"encoding/binary"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
)

func (p *Parser) responseBytes(b []byte) {
	sd := &p.side[segment.Response]
	for len(b) > 0 {
		if sd.body > 0 {
			n := min(sd.body, int64(len(b)))
			p.walk[segment.Response].feed(b[:n])
			b = b[n:]
			p.passed(segment.Response, n)
		} else {
			b = p.responseHead(b)
		}
		sd.segStart = false
	}
}

// responseHead reads what stands before a response's body, and gives the rest of b.
func (p *Parser) responseHead(b []byte) []byte {
	sd := &p.side[segment.Response]
	had := sd.n
	if had == 0 {
		sd.start, sd.tag = p.now.start, p.now.tag
	}
	if !sd.synced && had == 0 && (!sd.segStart || p.q.n == 0) {
		p.cfg.stats.SkippedBytes += uint64(len(b))
		p.missed = p.q.n
		return nil
	}
	sd.n += copy(sd.head[had:responseHeader], b)
	if sd.n < sizeBytes {
		return nil
	}
	size := int64(int32(binary.BigEndian.Uint32(sd.head[:])))
	if sd.synced && p.tokens > 0 && p.q.n == 0 && size >= 0 {
		return p.tokenAnswer(b, had, size)
	}
	if sd.n < responseHeader {
		return nil
	}
	k := p.q.find(int32(binary.BigEndian.Uint32(sd.head[sizeBytes:])))
	switch {
	case size < responseHeader-sizeBytes, !sd.synced && (k < 0 || size > maxMessage):
		return p.notResponse(b, had)
	case k >= 0:
		p.passOver(k)
		p.respond(size)
	default:
		p.orphan()
		sd.body = size - (responseHeader - sizeBytes)
	}
	sd.synced = true
	return p.behindHead(segment.Response, b, had, responseHeader)
}

// notResponse passes what cannot begin a response, after had bytes that might have.
func (p *Parser) notResponse(b []byte, had int) []byte {
	sd := &p.side[segment.Response]
	if sd.synced {
		p.cfg.stats.UndecodableResponses++
	} else if had > 0 && sd.segStart {
		sd.forget()
		p.cfg.stats.SkippedBytes += uint64(had)
		return b // looked at anew
	}
	p.cfg.stats.SkippedBytes += uint64(len(b))
	p.lose(segment.Response)
	return nil
}

// tokenAnswer passes the broker's part of an authentication without headers.
func (p *Parser) tokenAnswer(b []byte, had int, size int64) []byte {
	sd := &p.side[segment.Response]
	over := max(0, had-sizeBytes) // a header was expected before
	sd.forget()
	if size < int64(over) {
		return p.notResponse(b, 0)
	}
	p.tokens--
	p.walk[segment.Response].stop()
	sd.body = size - int64(over)
	return b[max(0, sizeBytes-had):]
}

// passOver ends the first k requests, whose turn to be answered is over.
func (p *Parser) passOver(k int) {
	for range k {
		unseen := p.missed > 0
		pd := p.pop()
		if !unseen && pd.api == Produce && !pd.acksKnown {
			p.finish(pd, NoReply, segment.CloseNone, pd.reqEnd) // it cannot have been but acks=0
			continue
		}
		p.cfg.stats.DropNoStatus++
		p.forget(pd)
	}
}

// pop takes the oldest waiting request.
func (p *Parser) pop() *pending {
	p.missed = max(0, p.missed-1)
	return p.q.pop()
}

// respond begins the response to the oldest waiting request.
func (p *Parser) respond(size int64) {
	sd := &p.side[segment.Response]
	pd := p.pop()
	p.missed = 0 // what was missed came before
	p.answer = pd
	pd.respStart, pd.respTag, pd.respSize = sd.start, sd.tag, size+sizeBytes
	sd.body = size - (responseHeader - sizeBytes)
	p.walk[segment.Response].begin(pd, sd.body)
}

// orphan takes a response without a known request.
func (p *Parser) orphan() {
	p.walk[segment.Response].stop()
	if p.ghosts > 0 {
		p.ghosts--
		p.cfg.stats.GhostResponses++
		return
	}
	p.cfg.stats.OrphanResponses++
}

// endResponse takes note of a response's end.
func (p *Parser) endResponse() {
	pd := p.answer
	if pd == nil {
		return
	}
	p.walk[segment.Response].end()
	if p.now.end == 0 {
		p.finish(pd, Truncated, segment.CloseNone, max(p.lastEnd, pd.respStart))
		return
	}
	p.finish(pd, Complete, segment.CloseNone, p.now.end)
}

// finish emits a request that is no longer in the queue. end is the time it was over.
func (p *Parser) finish(pd *pending, o Outcome, r segment.CloseReason, end uint64) {
	if p.open == pd {
		p.walk[segment.Request].cutShort()
	}
	e := &p.cfg.ex
	pd.fill(p.cfg, e)
	e.Outcome, e.Reason, e.End = o, r, end
	if o == Complete {
		e.ResponseEnd = end
	}
	p.cfg.stats.Exchanges++
	p.emit(e)
	p.forget(pd)
}

// forget ends what is kept of a request that is no longer in the queue.
func (p *Parser) forget(pd *pending) {
	if p.open == pd {
		p.walk[segment.Request].stop()
		p.open = nil
	}
	if p.answer == pd {
		p.walk[segment.Response].stop()
		p.answer = nil
	}
	p.q.bytes -= len(pd.buf)
	p.cfg.release(pd)
}

// flush ends all that is pending, since no response byte will come.
func (p *Parser) flush(reason segment.CloseReason, ts uint64) {
	if p.answer != nil {
		p.walk[segment.Response].cutShort()
		p.finish(p.answer, ResponseCut, reason, ts)
	}
	p.side[segment.Response].body = 0
	for p.q.n > 0 {
		if p.missed > 0 {
			pd := p.pop()
			p.cfg.stats.DropNoStatus++
			p.forget(pd)
			continue
		}
		p.finish(p.pop(), NoResponse, reason, ts)
	}
}

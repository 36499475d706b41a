// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import "slices"

// openStream is an open stream by its ID. They are kept in the order of these: a client opens
// one behind the others, and few are open at a time.
type openStream struct {
	id uint32
	st *stream
}

// place is where a stream of the ID is, or would be.
func (p *Parser) place(id uint32) (int, bool) {
	n := len(p.streams)
	switch {
	case n == 0 || p.streams[n-1].id < id:
		return n, false
	case p.streams[n-1].id == id:
		return n - 1, true
	}
	return slices.BinarySearchFunc(p.streams, id, func(o openStream, id uint32) int { return int(o.id) - int(id) })
}

// sweepAfter is how long, in ns, a stream that a hole touched may show no frame before it is
// taken to have ended in the hole.
const sweepAfter = 60e9

// sweepEvery bounds how often streams are looked at, in ns.
const sweepEvery = 1e9

func (p *Parser) find(id uint32) *stream {
	if p.recent != nil && p.recent.id == id {
		return p.recent
	}
	at, ok := p.place(id)
	if !ok {
		return nil
	}
	p.recent = p.streams[at].st
	return p.recent
}

// open makes st an open stream, unless there is no room.
func (p *Parser) open(st *stream) bool {
	p.cfg.stats.Requests++
	if len(p.streams) >= p.cfg.maxStreams {
		p.makeRoom()
	}
	if len(p.streams) >= p.cfg.maxStreams || p.bytes+len(st.buf) > openHeads*p.cfg.maxHeader {
		p.cfg.stats.DropOverflow++
		p.cfg.freeStream(st)
		return false
	}
	switch at, ok := p.place(st.id); {
	case ok:
		p.streams[at].st = st
	case at == len(p.streams):
		p.streams = append(p.streams, openStream{st.id, st})
	default:
		p.streams = slices.Insert(p.streams, at, openStream{st.id, st})
	}
	p.recent = st
	p.bytes += len(st.buf)
	if p.side[Response].blind {
		p.touch(st, Response)
	}
	return true
}

// makeRoom gives up the stream that shows no frame for longest, among those that may be over.
func (p *Parser) makeRoom() {
	var oldest *stream
	for _, o := range p.streams {
		st := o.st
		if st.waits && (oldest == nil || st.active < oldest.active || st.active == oldest.active && st.id < oldest.id) {
			oldest = st
		}
	}
	if oldest != nil {
		p.abort(oldest, CloseNone, oldest.active)
	}
}

// wait marks a stream that may be over.
func (p *Parser) wait(st *stream) {
	if !st.waits {
		st.waits = true
		p.waiting++
	}
}

// sweep gives up the streams that may be over and show no frame.
func (p *Parser) sweep(now uint64) {
	p.nextSweep = now + sweepEvery
	for _, st := range p.sorted() {
		if st.waits && st.active+sweepAfter <= now {
			p.abort(st, CloseNone, st.active)
		}
	}
}

// endStream takes END_STREAM of a direction.
func (p *Parser) endStream(d Direction, st *stream) {
	if st.ended[d] {
		return
	}
	st.ended[d], st.end[d] = true, p.now.end
	switch {
	case d == Request && st.ended[Response], d == Response && (st.ended[Request] || st.lost[Request]):
		p.finish(st, Complete, CloseNone, p.now.end)
	case d == Response: // the rest of the request, or a reset, may follow
		p.wait(st)
	}
}

// abort ends a stream before, or after, the end of its response.
func (p *Parser) abort(st *stream, reason CloseReason, ts uint64) {
	switch {
	case st.ended[Response]:
		p.finish(st, Complete, reason, ts)
	case st.lost[Response] && !st.headSeen:
		p.cfg.stats.DropNoStatus++
		p.release(st)
	case st.lost[Response]:
		p.finish(st, Truncated, reason, st.active)
	case st.headSeen:
		p.finish(st, ResponseCut, reason, ts)
	default:
		p.finish(st, NoResponse, reason, ts)
	}
}

// finish emits a stream. ts is the time it was over, unless the response's end is known; 0
// when that was lost.
func (p *Parser) finish(st *stream, o Outcome, r CloseReason, ts uint64) {
	e := &p.cfg.ex
	st.fill(e)
	e.Outcome, e.Reason, e.End = o, r, ts
	if ts == 0 {
		e.End = p.clock
	}
	if e.ResponseEnd != 0 {
		e.End = e.ResponseEnd
	}
	p.forget(st)
	p.cfg.stats.Exchanges++
	p.emit(e)
	p.cfg.freeStream(st)
}

func (p *Parser) release(st *stream) {
	p.forget(st)
	p.cfg.freeStream(st)
}

func (p *Parser) forget(st *stream) {
	if at, ok := p.place(st.id); ok {
		copy(p.streams[at:], p.streams[at+1:])
		p.streams[len(p.streams)-1] = openStream{}
		p.streams = p.streams[:len(p.streams)-1]
	}
	p.bytes -= len(st.buf)
	if st.waits {
		p.waiting--
	}
	if p.recent == st {
		p.recent = nil
	}
	for d := range p.side {
		if f := &p.side[d].frame; f.stream == st {
			f.stream = nil
		}
	}
}

// flush ends all that is pending, since no response byte will come.
func (p *Parser) flush(reason CloseReason, ts uint64) {
	for _, st := range p.sorted() {
		p.abort(st, reason, ts)
	}
}

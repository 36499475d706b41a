// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

// item is a command in the queue.
type item struct {
	command          Command
	seq              uint8 // of the next response packet
	partial          bool  // packets of the request were hidden
	answered         bool
	idKnown          bool
	changesDB        bool // db is nextDB when it succeeds
	id               uint32
	st               *statement
	reqStart, reqEnd uint64
	reqSize          int64
	reqTag, respTag  Tag
	respStart        uint64
}

// head is what is known of the response to the queue's head.
type head struct {
	phase          phase
	left           int64 // packets of column definitions to come
	size           int64 // bytes since the last exchange ended
	results        int
	rows, affected int64 // plus one; 0 is none
	lost           bool  // some packets were hidden
	infile         bool
	code           uint16
	state          [5]byte
	stateLen       uint8
}

// queue is a ring of items in the order of requests.
type queue struct {
	ring     []item
	first, n int
}

func (q *queue) at(i int) *item { return &q.ring[(q.first+i)&(len(q.ring)-1)] }
func (q *queue) tail() *item    { return q.at(q.n - 1) }

func (q *queue) push() *item {
	if q.n == len(q.ring) {
		ring := make([]item, max(4, 2*q.n))
		for i := range q.n {
			ring[i] = *q.at(i)
		}
		q.ring, q.first = ring, 0
	}
	q.n++
	it := q.tail()
	*it = item{}
	return it
}

// add queues a command. It returns nil when it was dropped and counted.
func (p *Parser) add(c Command) *item {
	stats, st := p.cfg.stats, &p.dir[Request]
	stats.Requests++
	if r := &p.dir[Response]; r.state == stLost && !r.sure && p.q.n > 0 {
		p.dropAll() // whose response comes next can no longer be told
		p.reqGap = true
	}
	switch {
	case p.reqGap && p.overflow:
		stats.DropOverflow++
		return nil
	case p.reqGap:
		stats.DropAmbiguous++
		return nil
	case p.q.n >= p.cfg.maxPipeline:
		stats.DropOverflow++
		p.reqGap, p.overflow = true, true
		return nil
	}
	if p.q.n == 0 {
		p.head = head{}
	}
	p.pipeline = p.pipeline || p.q.n > 0
	it := p.q.push()
	it.command, it.seq = c, st.seq+1
	p.fillRequest(it)
	return it
}

func (p *Parser) fillRequest(it *item) {
	st := &p.dir[Request]
	it.reqStart, it.reqEnd, it.reqTag, it.reqSize = st.start, p.now.end, st.tag, st.size+headerLen
}

// remove takes the head off the queue.
func (p *Parser) remove() {
	p.cfg.release(p.q.at(0).st)
	p.q.at(0).st = nil
	p.q.first = (p.q.first + 1) & (len(p.q.ring) - 1)
	p.q.n--
	if p.q.n == 0 {
		p.dir[Request].owned = false
		if len(p.q.ring) > 64 {
			p.q.ring = nil
		}
	}
	p.head = head{}
}

// dropAll forgets all commands, since their responses can no longer be told.
func (p *Parser) dropAll() {
	p.cfg.stats.DropAmbiguous += uint64(p.q.n)
	for p.q.n > 0 {
		p.remove()
	}
	p.head = head{}
}

// finish emits the queue's head. end is the end of its response, 0 when unknown; ts is the
// time it was over.
func (p *Parser) finish(o Outcome, r CloseReason, end, ts uint64) {
	it := p.q.at(0)
	p.send(it, o, r, end, ts)
	switch {
	case o != Complete:
		if it.changesDB || it.command == ComChangeUser || it.command == ComResetConnection {
			p.dbKnown = false
		}
	case p.head.code != 0:
	case it.changesDB:
		p.db, p.dbKnown = append(p.db[:0], p.nextDB...), len(p.nextDB) > 0
	}
	if it.command == ComChangeUser || it.command == ComResetConnection {
		p.dropStatements()
	}
	p.remove()
}

// send emits a command with the response that is in head.
func (p *Parser) send(it *item, o Outcome, r CloseReason, end, ts uint64) {
	h, e := &p.head, &p.cfg.ex
	*e = Exchange{
		Command: it.command, StatementID: it.id, StatementKnown: it.idKnown, LocalInfile: h.infile,
		Results: h.results, ResultsCut: h.lost, ReturnedRows: h.rows - 1, AffectedRows: h.affected - 1,
		ErrorCode: h.code, RequestSize: it.reqSize, ResponseSize: h.size,
		RequestStart: it.reqStart, RequestEnd: it.reqEnd, ResponseStart: it.respStart, ResponseEnd: end, End: ts,
		RequestTag: it.reqTag, ResponseTag: it.respTag, Outcome: o, Reason: r,
	}
	if h.lost {
		e.ReturnedRows, e.AffectedRows = -1, -1
	}
	if len(p.user) > 0 {
		e.User = p.user
	}
	if p.dbKnown {
		e.Database = p.db
	}
	if it.st != nil {
		e.Text, e.TextCut = it.st.text, it.st.cut
	}
	if h.stateLen > 0 {
		e.SQLState = h.state[:h.stateLen]
	}
	if it.partial {
		e.RequestSize, e.RequestEnd = -1, 0
	}
	if o == Truncated {
		e.ResponseSize = -1
	}
	if o == NoResponse || o == OneWay {
		e.ResponseSize = 0
	}
	p.cfg.stats.Exchanges++
	p.emit(e)
}

// flush ends all that is pending, since no response byte will come.
func (p *Parser) flush(r CloseReason, ts uint64) {
	st := &p.dir[Response]
	p.head.size -= st.remain
	for p.q.n > 0 {
		switch {
		case p.head.lost && st.lastEnd > 0 && st.state == stLost:
			p.finish(Truncated, r, st.lastEnd, max(ts, st.lastEnd))
		case p.q.at(0).answered:
			p.finish(ResponseCut, r, 0, ts)
		default:
			p.finish(NoResponse, r, 0, ts)
		}
	}
	st.state = stEnd
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

// item is an operation or a Sync in the queue.
type item struct {
	kind                         Kind
	prepared, continued, partial bool // partial: further steps may have been missed
	answered                     bool // a byte of the response was seen
	// Responses that are yet to come.
	parse, bind, describe, close, exec uint16

	st                 *statement
	reqStart, reqEnd   uint64
	reqSize            int64
	reqTag, respTag    Tag
	respStart, respEnd uint64
	hasStatement       bool
}

// waits reports that responses are yet to come.
func (it *item) waits() bool { return it.parse|it.bind|it.describe|it.close|it.exec != 0 }

// ends reports that a ReadyForQuery answers this item.
func (it *item) ends() bool {
	switch it.kind {
	case kindBarrier, KindQuery, KindFunction, KindSync:
		return true
	}
	return false
}

// head is what is known of the response to the queue's head. It is kept out of the items,
// which are many.
type head struct {
	size       int64 // bytes since the last exchange ended
	rows       int64 // DataRows since the last result
	statements int
	lost       bool // some messages were hidden
	failed     bool
	copy       bool
	suspended  bool
	whole      bool // the last message was the end of a result
	severity   [16]byte
	sevLen     uint8
	code       [5]byte
	codeLen    uint8
}

type result struct {
	command [32]byte
	n       uint8
	rows    int64
}

// queue is a ring of items in the order of requests.
type queue struct {
	ring     []item
	first, n int
	barriers int // items answered by ReadyForQuery
	syncs    int // of them Syncs
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

func (q *queue) pop() {
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.n--
}

// keepRing bounds the ring of an empty queue.
const keepRing = 64

// add queues an operation or Sync. It returns nil when it was dropped and counted.
func (p *Parser) add(k Kind) *item {
	p.closeUnit()
	stats := p.cfg.stats
	if k != kindBarrier {
		stats.Requests++
	}
	barrier := k == kindBarrier || k == KindQuery || k == KindFunction
	if st := &p.dir[Response]; st.state == stLost && !st.sure && p.q.barriers > 0 {
		// Whose ReadyForQuery comes next can no longer be told.
		p.dropAll()
		p.reqGap = true
	}
	switch {
	case p.reqGap:
		if k != kindBarrier {
			if p.overflow {
				stats.DropOverflow++
			} else {
				stats.DropAmbiguous++
			}
		}
		return nil
	case p.q.n >= p.cfg.maxPipeline:
		p.reqGap, p.overflow = true, true
		if k != kindBarrier {
			stats.DropOverflow++
		}
		return nil
	}
	if p.q.n == 0 {
		p.head = head{}
	}
	if barrier {
		p.pipeline = p.pipeline || p.q.barriers > 0
		p.q.barriers++
	}
	if k == kindBarrier {
		p.q.syncs++
	}
	it := p.q.push()
	st := &p.dir[Request]
	it.kind, it.reqStart, it.reqTag, it.reqEnd = k, st.start, st.tag, p.now.end
	return it
}

// remove takes the head off the queue.
func (p *Parser) remove() {
	it := p.q.at(0)
	if it.ends() {
		p.q.barriers--
	}
	if it.kind == kindBarrier {
		p.q.syncs--
	}
	p.cfg.release(it.st)
	it.st = nil
	if p.q.n == 1 {
		p.open = false
	}
	p.q.pop()
	if p.q.n == 0 && len(p.q.ring) > keepRing {
		p.q.ring = nil
	}
}

// dropAll forgets all operations, since their responses can no longer be told.
func (p *Parser) dropAll() {
	for p.q.n > 0 {
		if p.q.at(0).kind != kindBarrier {
			p.cfg.stats.DropAmbiguous++
		}
		p.remove()
	}
	p.skipping = false
	p.head = head{}
}

// closeUnit ends the steps of the operation at the queue's tail.
func (p *Parser) closeUnit() {
	p.ghost = nil
	if !p.open {
		return
	}
	p.open = false
	if it := p.q.tail(); p.q.n == 1 && !it.waits() && it.answered {
		p.finish(Complete, CloseNone, it.respEnd, it.respEnd)
	}
}

// finish emits the queue's head. end is the end of its response, 0 when unknown; ts is the
// time it was over.
func (p *Parser) finish(o Outcome, r CloseReason, end, ts uint64) {
	it, h, e := p.q.at(0), &p.head, &p.cfg.ex
	results := e.Results[:0]
	*e = Exchange{
		Kind: it.kind, Prepared: it.prepared, Continued: it.continued, Suspended: h.suspended, Copy: h.copy,
		User: some(p.user), Database: some(p.db),
		Statements: h.statements, ResultsCut: h.lost && it.kind <= KindExecute,
		RequestSize: it.reqSize, ResponseSize: h.size,
		RequestStart: it.reqStart, RequestEnd: it.reqEnd, ResponseStart: it.respStart, ResponseEnd: end, End: ts,
		RequestTag: it.reqTag, ResponseTag: it.respTag, Outcome: o, Reason: r,
	}
	if it.partial {
		e.RequestSize, e.RequestEnd = -1, 0
	}
	if s := it.st; s != nil {
		if s.known {
			e.Text, e.TextCut = s.text, s.cut
		}
		if it.hasStatement {
			e.Statement = s.name
		}
	}
	if it.ends() && o != Skipped {
		e.TxStatus = p.tx
	}
	for i := range min(h.statements, maxResults) {
		res := &p.results[i]
		out := Result{Rows: res.rows}
		if res.n > 0 {
			out.Command = res.command[:res.n]
		}
		results = append(results, out)
	}
	e.Results = results
	if h.failed {
		e.Severity, e.Code = some(h.severity[:h.sevLen]), some(h.code[:h.codeLen])
	}
	if !it.answered {
		e.ResponseSize, e.ResponseEnd = 0, 0
	}
	if o == Truncated {
		e.ResponseSize = -1
	}
	if it.parse > 0 && (h.failed || o == Skipped) && p.tables.statement(it.st.name) == it.st {
		p.dropStatement(it.st.name) // it was never made
	}
	p.cfg.stats.Exchanges++
	p.emit(e)
	p.remove()
	p.head = head{}
}

func some(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

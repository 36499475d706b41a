// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

// Role of the process whose messages are paired.
type Role uint8

const (
	Client Role = iota // it sends queries
	Server             // it receives them
)

// Pairs pairs the messages of any number of sockets. K names two ends: the socket and the
// other end's address. V goes with a query to its exchange. It belongs to its Config's
// goroutine.
type Pairs[K comparable, V any] struct {
	cfg  *Config
	emit func(v V, e *Exchange)
	// waiting holds the queries, and the responses that came before theirs, oldest first.
	waiting map[place[K]]*entry[K, V]
	// first and last are the ends of a list by the time of the last transmission.
	first, last *entry[K, V]
	n           int
	most        int // entries
	free        []*entry[K, V]
}

// place is where messages can belong to each other.
type place[K comparable] struct {
	k    K
	id   uint16
	role Role
}

type entry[K comparable, V any] struct {
	q          *query
	v          V
	place      place[K]
	later      *entry[K, V] // at the same place
	prev, next *entry[K, V] // in the order of time
}

// NewPairs makes an empty one. It calls emit during Query, Response, Tick and Close; emit must
// not call it back.
func NewPairs[K comparable, V any](c *Config, emit func(v V, e *Exchange)) *Pairs[K, V] {
	return &Pairs[K, V]{cfg: c, emit: emit, most: c.maxPending, waiting: map[place[K]]*entry[K, V]{}}
}

// Pending is the number of queries, and of responses without one, that wait.
func (p *Pairs[K, V]) Pending() int { return p.n }

// Decode reads a message of total bytes, of which b is a prefix. A message that is not DNS is
// counted, and the result is nil. It is valid until the next call.
func (p *Pairs[K, V]) Decode(b []byte, total int) *Message {
	m, err := p.cfg.decoder.Decode(b, total)
	if err != nil {
		p.cfg.stats.Undecodable++
		return nil
	}
	return m
}

// Message takes a query or a response at the time ts, of size bytes.
func (p *Pairs[K, V]) Message(role Role, k K, v V, m *Message, ts uint64, size int64, tag Tag) {
	at := place[K]{k, m.ID, role}
	if m.Response {
		p.response(at, v, m, ts, size, tag)
	} else {
		p.query(at, v, m, ts, size, tag)
	}
}

func (p *Pairs[K, V]) query(at place[K], v V, m *Message, ts uint64, size int64, tag Tag) {
	stats := p.cfg.stats
	stats.Queries++
	if at.role == Client {
		if e := p.find(at, m, false); e != nil {
			stats.Retransmissions++
			e.q.again++
			e.q.last = ts
			p.unlink(e)
			p.link(e)
			return
		}
		if e := p.find(at, m, true); e != nil {
			p.answeredBefore(e, v, m, ts, size, tag)
			return
		}
	}
	p.add(at, v, p.cfg.take(m, ts, size, tag))
}

func (p *Pairs[K, V]) response(at place[K], v V, m *Message, ts uint64, size int64, tag Tag) {
	e := p.find(at, m, false)
	if e == nil {
		if at.role == Client {
			q := p.cfg.take(m, ts, size, tag)
			q.early = true
			p.add(at, v, q)
			return
		}
		p.cfg.stats.OrphanResponses++
		return
	}
	x := p.cfg.fill(e.q)
	x.answer(m, ts, size, tag)
	p.done(e, x)
}

// answeredBefore emits the exchange of a query whose response was seen first. What the
// response told of its answers was not kept.
func (p *Pairs[K, V]) answeredBefore(e *entry[K, V], v V, m *Message, ts uint64, size int64, tag Tag) {
	r := e.q
	q := p.cfg.take(m, min(ts, r.start), size, tag)
	x := p.cfg.fill(q)
	x.RCode, x.Authoritative, x.Truncated, x.AnswerCount = r.rcode, r.authoritative, r.truncated, r.answers
	x.ResponseSize, x.ResponseTag, x.End = r.size, r.tag, r.start
	e.v = v
	p.done(e, x)
	p.cfg.release(q)
}

// add puts a query where it waits.
func (p *Pairs[K, V]) add(at place[K], v V, q *query) {
	if p.n >= p.most {
		e := p.first
		if e.q.early {
			p.cfg.stats.OrphanResponses++
		} else {
			p.cfg.stats.DropOverflow++
		}
		p.remove(e)
	}
	var e *entry[K, V]
	if n := len(p.free); n > 0 {
		e, p.free = p.free[n-1], p.free[:n-1]
	} else {
		e = new(entry[K, V])
	}
	*e = entry[K, V]{q: q, v: v, place: at}
	if old := p.waiting[at]; old != nil {
		for old.later != nil {
			old = old.later
		}
		old.later = e
	} else {
		p.waiting[at] = e
	}
	p.link(e)
	p.n++
}

// find gives the oldest entry that a message belongs to. A response may leave out the
// question, and either may be cut before its end.
func (p *Pairs[K, V]) find(at place[K], m *Message, early bool) *entry[K, V] {
	for e := p.waiting[at]; e != nil; e = e.later {
		q := e.q
		if q.early == early && (q.hash == m.hash && q.hashed == (len(m.Questions) > 0) || (!q.hashed || len(m.Questions) == 0) && (m.Response || early)) {
			return e
		}
	}
	return nil
}

// done emits and forgets.
func (p *Pairs[K, V]) done(e *entry[K, V], x *Exchange) {
	p.cfg.stats.Exchanges++
	p.emit(e.v, x)
	p.remove(e)
}

// Tick ends what has waited too long at the time now.
func (p *Pairs[K, V]) Tick(now uint64) {
	for e := p.first; e != nil; {
		next := e.next
		age := now - e.q.last
		switch {
		case now < e.q.last || age < uint64(grace):
			return // and so are those behind it
		case e.q.early:
			p.cfg.stats.OrphanResponses++
			p.remove(e)
		case age >= p.cfg.timeout:
			x := p.cfg.fill(e.q)
			x.Outcome, x.End = NoResponse, e.q.last+p.cfg.timeout
			p.done(e, x)
		}
		e = next
	}
}

// Close ends all that waits.
func (p *Pairs[K, V]) Close(reason CloseReason, now uint64) {
	for e := p.first; e != nil; e = p.first {
		if e.q.early {
			p.cfg.stats.OrphanResponses++
			p.remove(e)
			continue
		}
		x := p.cfg.fill(e.q)
		x.Outcome, x.Reason, x.End = NoResponse, reason, max(now, e.q.last)
		p.done(e, x)
	}
}

// link appends to the list.
func (p *Pairs[K, V]) link(e *entry[K, V]) {
	e.prev, e.next = p.last, nil
	if p.last != nil {
		p.last.next = e
	} else {
		p.first = e
	}
	p.last = e
}

func (p *Pairs[K, V]) unlink(e *entry[K, V]) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		p.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		p.last = e.prev
	}
}

// remove forgets an entry.
func (p *Pairs[K, V]) remove(e *entry[K, V]) {
	p.unlink(e)
	p.n--
	if head := p.waiting[e.place]; head == e {
		if e.later == nil {
			delete(p.waiting, e.place)
		} else {
			p.waiting[e.place] = e.later
		}
	} else {
		for head.later != e {
			head = head.later
		}
		head.later = e.later
	}
	p.cfg.release(e.q)
	*e = entry[K, V]{}
	if len(p.free) < maxFree {
		p.free = append(p.free, e)
	}
}

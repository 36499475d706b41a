// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

// span is a part of pending.buf. It may be extended while it is the last one.
type span struct{ off, len uint16 }

// maxText bounds the bytes kept of a request: its names.
const maxText = 1024

// pending is a request that waits for its response, and the response as far as it came.
type pending struct {
	cmd                                  *command
	buf                                  []byte
	operation, collection, database, err span

	reqStart, reqEnd, respStart, respEnd uint64
	reqSize, respSize                    int64
	reqTag, respTag                      Tag
	batch, returned                      int64
	errors                               int64
	id                                   int32
	code                                 int32

	named       bool // the command's name was seen
	answering   bool // the response is what is read
	addressed   bool // of a legacy message: its fullCollectionName was seen
	isCommand   bool // of a legacy query: it is one
	whole       bool // it has been sent
	legacy      bool
	compressed  bool
	silent      bool // no response follows
	vague       bool // whether one follows is not known
	uncounted   bool // a part of what batch counts was not seen
	statusKnown bool
	failed      bool
	more        bool
}

func (pd *pending) reset() {
	buf := pd.buf[:0]
	*pd = pending{buf: buf, reqSize: -1, respSize: -1, batch: -1, returned: -1}
}

// setName takes the command's name.
func (pd *pending) setName(name []byte) {
	pd.named = true
	pd.cmd = commandTable[string(name)]
	if len(name) <= maxOperation {
		pd.keep(&pd.operation, name)
	}
}

// span gives where a field's text goes. Of a field that comes twice the first counts.
func (pd *pending) span(f field) *span {
	switch f {
	case fieldCollection:
		return &pd.collection
	case fieldDatabase:
		return &pd.database
	case fieldCodeName:
		return &pd.err
	default:
		return nil
	}
}

// keep appends to a text.
func (pd *pending) keep(s *span, b []byte) {
	if s.len == 0 {
		s.off = uint16(len(pd.buf))
	}
	if len(b) == 0 || int(s.off)+int(s.len) != len(pd.buf) || len(pd.buf)+len(b) > maxText {
		return
	}
	pd.buf = append(pd.buf, b...)
	s.len += uint16(len(b))
}

// forget gives up a text whose end is not known.
func (pd *pending) forget(s *span) {
	pd.buf = pd.buf[:s.off]
	*s = span{}
}

func (pd *pending) text(s span) []byte {
	if s.len == 0 {
		return nil
	}
	return pd.buf[s.off : s.off+s.len : s.off+s.len]
}

// fill copies pd into the exchange; its slices point into pd.
func (pd *pending) fill(e *Exchange) {
	*e = Exchange{
		Operation: pd.text(pd.operation), Known: pd.cmd != nil, Collection: pd.text(pd.collection), Database: pd.text(pd.database),
		Compressed: pd.compressed, Legacy: pd.legacy, Batch: pd.batch,
		StatusKnown: pd.statusKnown, Failed: pd.failed, Code: pd.code, CodeName: pd.text(pd.err), Returned: pd.returned,
		MoreToCome: pd.more, RequestSize: pd.reqSize, ResponseSize: pd.respSize,
		RequestStart: pd.reqStart, RequestEnd: pd.reqEnd, ResponseStart: pd.respStart, ResponseEnd: pd.respEnd,
		RequestTag: pd.reqTag, ResponseTag: pd.respTag,
	}
	if pd.uncounted {
		e.Batch = -1
	}
	if !pd.failed {
		e.Code, e.CodeName = 0, nil
	}
}

// queue is a ring of pending requests, oldest first.
type queue struct {
	ring    []pending // length a power of two
	head, n int
}

// keepRing is the largest ring kept when the queue runs empty.
const keepRing = 64

func (q *queue) at(i int) *pending { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *queue) tail() *pending { return q.at(q.n - 1) }

// push appends an entry, reset. It may move all entries.
func (q *queue) push() *pending {
	switch {
	case q.n == 0 && len(q.ring) > keepRing:
		q.ring, q.head = make([]pending, 1), 0
	case q.n == len(q.ring):
		ring := make([]pending, max(1, 2*len(q.ring)))
		for i := range q.n {
			ring[i] = *q.at(i)
		}
		q.ring, q.head = ring, 0
	}
	q.n++
	pd := q.tail()
	pd.reset()
	return pd
}

func (q *queue) popHead() {
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
}

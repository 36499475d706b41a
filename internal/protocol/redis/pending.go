// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

// span is a part of pending.buf.
type span struct{ off, len uint32 }

// pending is a command that waits for its reply, and the reply as far as it came.
type pending struct {
	cmd  *command
	buf  []byte // name of an unknown command, script, keys
	keys []span
	sub  span // the name with its sub-command, or an unknown name
	scr  span

	reqStart, reqEnd, respStart, respEnd uint64
	reqSize, respSize                    int64
	reqTag, respTag                      Tag
	args, elements                       int64
	batch                                int32
	number                               int32 // SELECT's argument, -1 when not seen
	confirms                             int32 // of a subscription, still to come
	kind                                 Kind
	prefix                               [maxPrefix]byte
	prefixLen                            uint8

	known, reqCut, keysCut bool
	queued                 bool // by MULTI
	over                   bool // emitted while older ones wait
}

// maxPrefix is the longest error prefix kept.
const maxPrefix = 24

// keepBuf is the largest buffer kept for the next command.
const keepBuf = 4 << 10

func (pd *pending) reset() {
	buf, keys := pd.buf[:0], pd.keys[:0]
	if cap(buf) > keepBuf {
		buf = nil
	}
	if cap(keys) > 4*defaultMaxKeys {
		keys = nil
	}
	*pd = pending{buf: buf, keys: keys, number: -1, args: -1, elements: -1, reqSize: -1, respSize: -1}
}

func (pd *pending) put(b ...byte) span {
	s := span{uint32(len(pd.buf)), uint32(len(b))}
	pd.buf = append(pd.buf, b...)
	return s
}

func (pd *pending) slice(s span) []byte { return pd.buf[s.off : s.off+s.len : s.off+s.len] }

func (pd *pending) role() role {
	if pd.cmd == nil {
		return rolePlain
	}
	return pd.cmd.role
}

// fill copies pd into the exchange; its slices point into pd.
func (pd *pending) fill(c *Config) {
	e := &c.ex
	op, keys := e.Operation[:0], c.exKeys[:0]
	for _, k := range pd.keys {
		keys = append(keys, pd.slice(k))
	}
	switch {
	case pd.sub.len > 0:
		op = append(op, pd.slice(pd.sub)...)
	case pd.cmd != nil:
		op = append(op, pd.cmd.name...)
	}
	*e = Exchange{
		Operation: op, Known: pd.known, Args: pd.args, Keys: keys, KeysTruncated: pd.keysCut,
		DB: -1, Kind: pd.kind, Failed: pd.kind == KindError || pd.kind == KindBulkError, Elements: pd.elements,
		Batch: int(pd.batch), Transaction: pd.queued, RequestSize: pd.reqSize, ResponseSize: pd.respSize,
		RequestStart: pd.reqStart, RequestEnd: pd.reqEnd, ResponseStart: pd.respStart, ResponseEnd: pd.respEnd,
		RequestTag: pd.reqTag, ResponseTag: pd.respTag,
	}
	c.exKeys = keys
	if len(keys) == 0 {
		e.Keys = nil
	}
	if pd.scr.len > 0 {
		e.Script = pd.slice(pd.scr)
	}
	if pd.prefixLen > 0 {
		e.ErrorPrefix = pd.prefix[:pd.prefixLen]
	}
}

// queue is a ring of pending commands, oldest first. Its first acked entries were queued by
// MULTI and wait for EXEC; the next one is the one that the next reply answers.
type queue struct {
	ring           []pending // length a power of two
	head, n, acked int
	overs          int // entries that are over
	bytes          int // buffered by the n entries
}

// keepRing is the largest ring kept when the queue runs empty.
const keepRing = 128

func (q *queue) at(i int) *pending { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *queue) tail() *pending { return q.at(q.n - 1) }

// waiting is the number of entries whose reply, or whose QUEUED, is still to come.
func (q *queue) waiting() int { return q.n - q.acked }

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

// popHead forgets the oldest entry.
func (q *queue) popHead() {
	q.bytes -= len(q.at(0).buf)
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	q.acked = max(0, q.acked-1)
}

// popQueued forgets the oldest entry, which was queued by MULTI or is over.
func (q *queue) popQueued() {
	if q.at(0).over {
		q.overs--
	}
	q.popHead()
}

// sweep forgets entries that are over.
func (q *queue) sweep() {
	for q.n > 0 && q.at(0).over {
		q.popQueued()
	}
}

// popTail forgets the youngest entry.
func (q *queue) popTail() {
	q.bytes -= len(q.tail().buf)
	q.n--
	q.acked = min(q.acked, q.n)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

// span is a part of pending.buf.
type span struct{ off, len uint32 }

// hash is FNV-1a: keys and opaque tokens are compared by it, not kept.
type hash uint64

const hashBasis hash = 14695981039346656037

func (h hash) add(b []byte) hash {
	for _, c := range b {
		h = (h ^ hash(c)) * 1099511628211
	}
	return h
}

// pending is a command that waits for its response, and the response as far as it came.
type pending struct {
	cmd  *command
	buf  []byte // keys
	keys []span

	reqStart, reqEnd, respStart, respEnd uint64
	reqSize, respSize                    int64
	reqTag, respTag                      Tag
	keyCount, hits, values               int64
	opaque, key                          hash // of the opaque token or value, and of the last key
	code                                 int32
	batch                                int32
	status                               [16]byte
	statusLen                            uint8
	opcode                               uint8
	proto                                Protocol

	hasOpaque, hasKey, quiet        bool
	vague                           bool // a response may have been this one's
	statusKnown, failed, miss       bool
	reqCut, respCut, keysCut, begun bool
}

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
	*pd = pending{buf: buf, keys: keys, code: -1, reqSize: -1, respSize: -1, keyCount: -1}
}

func (pd *pending) class() class {
	if pd.cmd == nil {
		return classOther
	}
	return pd.cmd.class
}

// fill copies pd into the exchange; its slices point into pd.
func (pd *pending) fill(c *Config) {
	e, keys := &c.ex, c.exKeys[:0]
	for _, k := range pd.keys {
		keys = append(keys, pd.buf[k.off:k.off+k.len:k.off+k.len])
	}
	c.exKeys = keys
	if len(keys) == 0 {
		keys = nil
	}
	*e = Exchange{
		Protocol: pd.proto, KeyCount: pd.keyCount, Keys: keys, KeysTruncated: pd.keysCut, Hits: -1, Misses: -1,
		StatusKnown: pd.statusKnown, Code: pd.code, Failed: pd.failed, ValueBytes: pd.values, Batch: int(pd.batch),
		RequestSize: pd.reqSize, ResponseSize: pd.respSize,
		RequestStart: pd.reqStart, RequestEnd: pd.reqEnd, ResponseStart: pd.respStart, ResponseEnd: pd.respEnd,
		RequestTag: pd.reqTag, ResponseTag: pd.respTag,
	}
	if pd.cmd != nil {
		e.Operation = pd.cmd.name
	}
	if pd.statusLen > 0 {
		e.Status = pd.status[:pd.statusLen]
	}
	if pd.respCut {
		e.ValueBytes = -1
	}
	if pd.statusKnown && !pd.failed && !pd.respCut && pd.keyCount >= 0 && pd.class().looksUp() {
		switch {
		case pd.class() == classGet || pd.class() == classGat:
			e.Hits = pd.hits
		case !pd.miss:
			e.Hits = pd.keyCount
		default:
			e.Hits = 0
		}
		e.Misses = max(0, pd.keyCount-e.Hits)
	}
}

// queue is a ring of pending commands, oldest first.
type queue struct {
	ring    []pending // length a power of two
	head, n int
	bytes   int // buffered by the n entries
}

// keepRing is the largest ring kept when the queue runs empty.
const keepRing = 128

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
	q.bytes -= len(q.at(0).buf)
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
}

func (q *queue) popTail() {
	q.bytes -= len(q.tail().buf)
	q.n--
}

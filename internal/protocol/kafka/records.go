// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import "github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"

// Record batches ("Record Batch" of the documentation of Kafka) and the message sets before
// them (versions 0 and 1).
const (
	batchPrefix = 8 + 4             // base offset, length of the rest
	batchMagic  = 8 + 4 + 4 + 1     // to the format's version, which stands here in all
	batchHeader = 61                // of version 2
	leastRest   = 4 + 1 + 1 + 4 + 4 // of a message without key and value in version 0

	compression = 0x07 // bits of the attributes
	control     = 0x20
)

// The headers of records that are looked for.
const (
	contextParent = iota
	contextState
	contextB3
	numContextKeys
	contextNone = -1
)

// maxContextValue is the longest value read: that of a tracestate that all must hand on.
const maxContextValue = 512

// beginRecords starts n bytes of batches.
func (w *walker) beginRecords(c *cursor, n int64) {
	n = max(0, n)
	w.recordsEnd = w.pos + int64(c.off) + n
	if w.recordsEnd > w.size {
		c.bad = true
		return
	}
	if t := w.kept(); t != nil {
		t.bytes += n
	}
	w.state = wBatch
}

// recordStep reads a batch's header, or within a batch no more than that.
func (w *walker) recordStep(c *cursor) {
	if w.state == wBatch {
		w.batch(c)
		return
	}
	limit := w.batchEnd - w.pos
	limited := int64(len(c.b)) >= limit
	if limited {
		c.b = c.b[:limit]
	}
	switch w.state {
	case wRecord:
		w.record(c)
	case wValue:
		if n := c.varint(); !c.failed() {
			w.state = wHeaders
			w.skipInRecord(c, n)
		}
	case wHeaders:
		if n := c.varint(); n < 0 {
			c.bad = true
		} else if !c.failed() {
			w.headers = n
			w.state = wHeader
		}
	case wHeader:
		w.header(c)
	case wHeaderValue:
		w.headerValue(c)
	}
	if c.bad || c.short && limited {
		w.p.cfg.stats.BadBodies++
		w.endBatch()
		c.off, c.bad, c.short = 0, false, false
	}
}

// batch reads the header of a batch, or of a message of version 0 or 1.
func (w *walker) batch(c *cursor) {
	rest := w.recordsEnd - w.pos
	if rest < batchMagic { // nothing, or a batch that was cut off to keep within a limit
		w.skipTo = w.recordsEnd
		w.tagsThen(wPartitionEnd)
		return
	}
	offset, length := c.i64(), c.i32()
	c.take(4)
	magic := c.i8()
	if c.failed() {
		return
	}
	size := batchPrefix + int64(length)
	switch {
	case length < leastRest || magic < 0 || magic > 2 || magic == 2 && size < batchHeader:
		w.p.cfg.stats.BadBodies++
		w.loseRecords()
		return
	case size > rest && w.dir == segment.Response: // cut off
		w.skipTo = w.recordsEnd
		w.tagsThen(wPartitionEnd)
		return
	case size > rest:
		w.p.cfg.stats.BadBodies++
		w.loseRecords()
		return
	}
	t := w.kept()
	var count int64
	var compressed, walk bool
	if magic < 2 {
		attributes := c.i8()
		if c.failed() {
			return
		}
		count, compressed = 1, attributes&compression != 0
		if compressed && t != nil {
			t.lost = true // the messages are inside
		}
	} else {
		c.take(4) // checksum
		attributes := c.i16()
		c.take(4 + 8 + 8 + 8 + 2 + 4)
		n := c.i32()
		if c.failed() {
			return
		}
		if n < 0 {
			w.p.cfg.stats.BadBodies++
			w.loseRecords()
			return
		}
		compressed = attributes&compression != 0
		if attributes&control == 0 {
			count = int64(n)
		}
		walk = !compressed && count > 0 && w.p.cfg.contexts
	}
	if t != nil {
		t.messages += count
		if w.dir == segment.Response && t.offset < 0 && count > 0 {
			t.offset = offset
		}
	}
	w.batchEnd = w.pos + size
	if walk {
		w.recordsLeft = count
		w.state = wRecord
		return
	}
	w.skipTo = w.batchEnd
}

// loseRecords gives up the records of the partition at hand.
func (w *walker) loseRecords() {
	if t := w.kept(); t != nil {
		t.lost = true
	}
	w.pd.contextsCut = w.pd.contextsCut || w.p.cfg.contexts
	w.skipTo = w.recordsEnd
	w.tagsThen(wPartitionEnd)
}

// endBatch gives up the records of the batch at hand; they are counted.
func (w *walker) endBatch() {
	w.pd.contextsCut = true
	w.skipTo = w.batchEnd
	w.state = wBatch
	w.p.q.cut(w.pd, w.keptBytes())
	w.context = context{}
}

// keptBytes is how much of pd.buf belongs to more than the record at hand.
func (w *walker) keptBytes() int {
	for _, s := range w.context {
		if s.set {
			return w.contextOff
		}
	}
	return len(w.pd.buf)
}

// record reads a record up to its key.
func (w *walker) record(c *cursor) {
	w.context = context{}
	if w.recordsLeft == 0 {
		w.skipTo = w.batchEnd
		w.state = wBatch
		return
	}
	length := c.varint()
	at := w.pos + int64(c.off)
	c.take(1)   // attributes
	c.uvarint() // timestamp
	c.uvarint() // offset
	key := c.varint()
	if c.failed() {
		return
	}
	if length < 0 || length > w.batchEnd-at {
		c.bad = true
		return
	}
	w.recordEnd = at + length
	w.state = wValue
	w.skipInRecord(c, key)
}

// skipInRecord passes over a key or a value of n bytes; null has -1.
func (w *walker) skipInRecord(c *cursor, n int64) {
	at := w.pos + int64(c.off)
	if n < -1 || n > w.recordEnd-at {
		c.bad = true
		return
	}
	w.skipTo = at + max(0, n)
}

// header reads the key of a record's header, or ends the record.
func (w *walker) header(c *cursor) {
	if w.headers == 0 {
		if c.bad = w.pos > w.recordEnd; !c.bad {
			w.endRecord()
		}
		return
	}
	n := c.varint()
	if c.failed() {
		return
	}
	w.contextKey = contextNone
	if n == 2 || n == 10 || n == 11 {
		key := c.take(int(n))
		if c.failed() {
			return
		}
		switch string(key) {
		case "traceparent":
			w.contextKey = contextParent
		case "tracestate":
			w.contextKey = contextState
		case "b3":
			w.contextKey = contextB3
		}
		n = 0
	}
	w.state = wHeaderValue
	w.skipInRecord(c, n)
}

func (w *walker) headerValue(c *cursor) {
	n := c.varint()
	if c.failed() {
		return
	}
	if w.contextKey != contextNone && n > 0 && n <= maxContextValue && w.p.q.bytes <= queuedBytes {
		value := c.take(int(n))
		if c.failed() {
			return
		}
		if off := len(w.pd.buf); w.keptBytes() == off {
			w.contextOff = off
		}
		w.context[w.contextKey] = w.p.q.put(w.pd, value) // the last one of a name counts
		n = 0
	}
	w.headers--
	w.state = wHeader
	w.skipInRecord(c, n)
}

// endRecord keeps the record's trace context, unless another record has the same.
func (w *walker) endRecord() {
	pd := w.pd
	pd.records++
	w.recordsLeft--
	w.skipTo = w.recordEnd
	w.state = wRecord
	off := w.keptBytes()
	if w.context == (context{}) {
		return
	}
	switch {
	case pd.hasContext(&w.context):
		pd.carried++
		w.p.q.cut(pd, off)
	case len(pd.contexts) >= w.p.cfg.maxContexts:
		w.p.cfg.stats.ContextsNotKept++
		pd.contextsCut = true
		w.p.q.cut(pd, off)
	default:
		pd.carried++
		pd.contexts = append(pd.contexts, w.context)
	}
	w.context = context{}
}

func (pd *pending) hasContext(x *context) bool {
	for i := range pd.contexts {
		same := true
		for k := range x {
			same = same && x[k].set == pd.contexts[i][k].set && string(pd.slice(x[k])) == string(pd.slice(pd.contexts[i][k]))
		}
		if same {
			return true
		}
	}
	return false
}

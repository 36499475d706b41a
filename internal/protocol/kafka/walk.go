// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import "github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"

// maxUnit is the most that one step reads; what is longer is skipped by count.
const maxUnit = 1 << 10

// state says what of a body comes next.
type state uint8

const (
	wEnd  state = iota // nothing that is to be read
	wTags              // the number of tagged fields, then `then`
	wTag

	wClient // request header
	wTransaction
	wProduce
	wFetch
	wForgotten // topics of Fetch that leave the session
	wForgottenTopic
	wRack
	wGroup // OffsetCommit
	wMember
	wInstance
	wCommit

	wResponse // a response's body begins
	wAborted
	wFetched
	wRecordErrors
	wRecordError
	wErrorMessage

	wTopic
	wPartition
	wPartitionEnd
	wTopicEnd

	wBatch
	wRecord // the following are within a batch
	wValue
	wHeaders
	wHeader
	wHeaderValue

	wBroker // Metadata
	wCluster
	wTopicName
	wReplicas
	wInSync
	wOffline
	wOperations
)

// walker reads the body of one message, as far as it is of interest, from pieces with holes
// between them.
type walker struct {
	p   *Parser
	dir segment.Direction
	pd  *pending // nil in wEnd

	state, then state
	flexible    bool
	cut         bool // a part was not seen or not understood

	pos    int64 // of the next byte to be read, in the body
	size   int64 // of the body
	skipTo int64 // up to here nothing is of interest
	carry  []byte

	tags                   uint64
	topics, parts, items   int32
	topic, nextTopic       int // into pd.topics, -1: not kept
	partition              int32
	recordsEnd, batchEnd   int64
	recordEnd              int64
	recordsLeft, headers   int64
	context                context
	contextKey, contextOff int
}

// begin starts a body of size bytes.
func (w *walker) begin(pd *pending, size int64) {
	*w = walker{
		p: w.p, dir: w.dir, carry: w.carry[:0],
		pd: pd, size: size, flexible: pd.api.flexible(pd.version), topic: -1,
	}
	if w.dir == segment.Request {
		w.state = wClient
		return
	}
	switch pd.api {
	case Produce, Fetch, OffsetCommit:
		w.tagsThen(wResponse)
	case Metadata:
		if pd.version >= 10 {
			w.tagsThen(wResponse)
		}
	}
}

// stop ends the reading of a body.
func (w *walker) stop() {
	w.state, w.pd, w.carry = wEnd, nil, w.carry[:0]
}

// feed takes the next bytes of the body.
func (w *walker) feed(b []byte) {
	for w.state != wEnd {
		if w.pos < w.skipTo {
			if b = w.pass(b); w.pos < w.skipTo {
				return
			}
		}
		view, had := b, len(w.carry)
		if had > 0 {
			w.carry = append(w.carry, b[:min(len(b), maxUnit-had)]...)
			view = w.carry
		}
		c := cursor{b: view, left: w.size - w.pos}
		w.step(&c)
		switch {
		case c.bad, c.short && len(view) >= maxUnit:
			w.p.cfg.stats.BadBodies++
			w.lose()
			return
		case c.short:
			if had == 0 {
				w.carry = append(w.carry, b...)
			}
			return
		}
		w.pos += int64(c.off)
		if had == 0 {
			b = b[c.off:]
			continue
		}
		b = b[max(0, c.off-had):]
		n := copy(w.carry, w.carry[min(c.off, had):had])
		clear(w.carry[n:]) // what follows a client id may be a password
		w.carry = w.carry[:n]
	}
}

// pass skips bytes that are of no interest and gives the rest of b.
func (w *walker) pass(b []byte) []byte {
	k := min(w.skipTo-w.pos, int64(len(w.carry)))
	w.carry = append(w.carry[:0], w.carry[k:]...)
	n := min(w.skipTo-w.pos-k, int64(len(b)))
	w.pos += k + n
	return b[n:]
}

// hole passes n bytes of the body that were not captured.
func (w *walker) hole(n int64) {
	if w.state == wEnd {
		return
	}
	if w.pos < w.skipTo {
		k := min(n, w.skipTo-w.pos)
		w.pos += k
		if n -= k; n == 0 {
			return
		}
	}
	if !w.cut {
		w.p.cfg.stats.CutBodies++
	}
	end := w.pos + int64(len(w.carry)) + n
	w.carry = w.carry[:0]
	switch {
	case w.state >= wRecord && w.state <= wHeaderValue && end <= w.batchEnd:
		w.cut = true
		w.endBatch()
	case w.state >= wBatch && w.state <= wHeaderValue && end <= w.recordsEnd:
		w.cut = true
		w.loseRecords()
	default:
		w.lose()
		return
	}
	w.pos = end
}

// lose gives up the rest of the body.
func (w *walker) lose() {
	w.cut = true
	if w.dir == segment.Request && w.pd.api != Fetch || w.dir == segment.Response && w.pd.api == Fetch {
		w.pd.topicsCut = true
		w.pd.contextsCut = w.pd.contextsCut || w.p.cfg.contexts && w.pd.api != OffsetCommit
		if t := w.kept(); t != nil {
			t.lost = true
		}
	}
	w.state = wEnd
}

// end takes note that the body is over.
func (w *walker) end() {
	if w.state == wEnd {
		return
	}
	if w.feed(nil); w.state != wEnd {
		w.p.cfg.stats.BadBodies++
		w.lose()
	}
}

// cutShort takes note that the rest of the body will not be seen.
func (w *walker) cutShort() {
	if w.state != wEnd {
		w.p.cfg.stats.CutBodies++
		w.lose()
	}
}

// skip passes over n bytes behind what was read in this step.
func (w *walker) skip(c *cursor, n int64) {
	to := w.pos + int64(c.off) + max(0, n)
	if to > w.size {
		c.bad = true
		return
	}
	w.skipTo = to
}

// tagsThen reads tagged fields, if the message has them, and then next.
func (w *walker) tagsThen(next state) {
	if w.state = next; w.flexible {
		w.state, w.then = wTags, next
	}
}

// step reads what state says. It changes nothing when c fails.
func (w *walker) step(c *cursor) {
	switch w.state {
	case wTags:
		if n := c.uvarint(); !c.failed() {
			w.tags = n
			w.state = wTag
		}
	case wTag:
		w.tag(c)
	case wTopic:
		w.namedTopic(c)
	case wPartition:
		w.partitionStep(c)
	case wPartitionEnd:
		w.endPartition()
	case wTopicEnd:
		w.endTopic()
	case wBatch, wRecord, wValue, wHeaders, wHeader, wHeaderValue:
		w.recordStep(c)
	case wBroker, wCluster, wTopicName, wReplicas, wInSync, wOffline, wOperations:
		w.metadataStep(c)
	default:
		if w.dir == segment.Request {
			w.requestStep(c)
		} else {
			w.responseStep(c)
		}
	}
}

// tag reads a tagged field. One tells a follower: ReplicaState of Fetch (since version 15).
func (w *walker) tag(c *cursor) {
	if w.tags == 0 {
		w.state = w.then
		return
	}
	tag, n := c.uvarint(), c.uvarint()
	if n > uint64(w.size) {
		c.bad = true
	}
	if c.failed() {
		return
	}
	if w.dir == segment.Request && w.pd.api == Fetch && w.then == wEnd && tag == 1 && n >= 4 {
		replica := c.i32()
		if c.failed() {
			return
		}
		n -= 4
		w.pd.follower = replica >= 0
	}
	w.tags--
	w.skip(c, int64(n))
}

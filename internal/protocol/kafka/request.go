// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

// requestStep reads a request's header and what stands around its topics.
func (w *walker) requestStep(c *cursor) {
	pd := w.pd
	switch w.state {
	case wClient: // never compact: the header is read before its version is known
		n := c.length(false, false)
		if c.failed() {
			return
		}
		var name []byte
		if n >= 0 && n <= maxClientID {
			if name = c.take(int(n)); c.failed() {
				return
			}
			pd.client = w.p.q.put(pd, name)
		} else {
			w.skip(c, n)
		}
		w.tagsThen(w.firstOfBody())
	case wTransaction:
		if n := c.length(w.flexible, false); !c.failed() {
			w.skip(c, n)
			w.state = wProduce
		}
	case wProduce:
		acks, _, n := c.i16(), c.i32(), c.array(w.flexible)
		if !c.failed() {
			pd.acks, pd.acksKnown = acks, true
			w.beginTopics(n)
		}
	case wFetch:
		w.fetchHead(c)
	case wForgotten:
		if n := c.array(w.flexible); !c.failed() {
			w.topics = n
			w.state = wForgottenTopic
		}
	case wForgottenTopic:
		w.forgottenTopic(c)
	case wRack:
		if n := c.length(w.flexible, false); !c.failed() {
			w.skip(c, n)
			w.tagsThen(wEnd)
		}
	default:
		w.commitStep(c)
	}
}

// maxClientID is the longest client id that is kept.
const maxClientID = 255

func (w *walker) firstOfBody() state {
	switch {
	case w.pd.api == Produce && w.pd.version >= 3:
		return wTransaction
	case w.pd.api == Produce:
		return wProduce
	case w.pd.api == Fetch:
		return wFetch
	case w.pd.api == OffsetCommit:
		return wGroup
	}
	w.flexible = false // nothing more is read
	return wEnd
}

// producePartition reads a partition's index and begins its records.
func (w *walker) producePartition(c *cursor) {
	index, n := c.i32(), c.length(w.flexible, true)
	if c.failed() {
		return
	}
	if t := w.kept(); t != nil {
		t.count(index)
	}
	w.beginRecords(c, n)
}

// fetchHead reads what stands before the topics of a Fetch request.
func (w *walker) fetchHead(c *cursor) {
	v := w.pd.version
	replica := int32(-1)
	if v <= 14 {
		replica = c.i32()
	}
	c.take(4 + 4) // wait, least bytes
	if v >= 3 {
		c.take(4) // most bytes
	}
	if v >= 4 {
		c.take(1) // isolation
	}
	if v >= 7 {
		c.take(4 + 4) // session
	}
	n := c.array(w.flexible)
	if c.failed() {
		return
	}
	w.pd.follower = replica >= 0
	w.beginTopics(n)
}

// fetchPartition reads a partition of a Fetch request.
func (w *walker) fetchPartition(c *cursor) {
	v := w.pd.version
	n := 4 + 8 + 4 // index, offset, most bytes
	if v >= 9 {
		n += 4 // leader epoch
	}
	if v >= 12 {
		n += 4 // last fetched epoch
	}
	if v >= 5 {
		n += 8 // log start
	}
	if c.take(n); !c.failed() {
		w.tagsThen(wPartitionEnd)
	}
}

// forgottenTopic reads a topic that leaves the fetch session.
func (w *walker) forgottenTopic(c *cursor) {
	if w.topics <= 0 {
		if w.state = wRack; w.pd.version < 11 {
			w.state = wEnd
		}
		return
	}
	if w.topicIDs() {
		c.take(16)
	} else {
		c.str(w.flexible)
	}
	n := c.array(w.flexible)
	if c.failed() {
		return
	}
	w.topics--
	w.skip(c, 4*int64(n))
	w.tagsThen(wForgottenTopic)
}

// commitStep reads what stands before the topics of an OffsetCommit request.
func (w *walker) commitStep(c *cursor) {
	pd := w.pd
	switch w.state {
	case wGroup:
		group := c.str(w.flexible)
		if pd.version >= 1 {
			c.take(4) // generation
		}
		if c.failed() {
			return
		}
		if group != nil {
			pd.group = w.p.q.put(pd, group)
		}
		if w.state = wMember; pd.version < 1 {
			w.state = wCommit
		}
	case wMember:
		if n := c.length(w.flexible, false); !c.failed() {
			w.skip(c, n)
			if w.state = wInstance; pd.version < 7 {
				w.state = wCommit
			}
		}
	case wInstance:
		if n := c.length(w.flexible, false); !c.failed() {
			w.skip(c, n)
			w.state = wCommit
		}
	case wCommit:
		if pd.version >= 2 && pd.version <= 4 {
			c.take(8) // retention
		}
		if n := c.array(w.flexible); !c.failed() {
			w.beginTopics(n)
		}
	}
}

// commitPartition reads a partition of an OffsetCommit request.
func (w *walker) commitPartition(c *cursor) {
	index := c.i32()
	c.take(8) // offset
	if w.pd.version >= 6 {
		c.take(4) // leader epoch
	}
	if w.pd.version == 1 {
		c.take(8) // timestamp
	}
	n := c.length(w.flexible, false) // metadata
	if c.failed() {
		return
	}
	if t := w.kept(); t != nil {
		t.count(index)
	}
	w.skip(c, n)
	w.tagsThen(wPartitionEnd)
}

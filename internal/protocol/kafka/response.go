// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

// responseStep reads what stands around the topics and partitions of a response.
func (w *walker) responseStep(c *cursor) {
	switch w.state {
	case wResponse:
		w.responseHead(c)
	case wAborted: // transactions: producer id and first offset, and tagged fields
		if w.items <= 0 {
			w.state = wFetched
			return
		}
		if c.take(8 + 8); !c.failed() {
			w.items--
			w.tagsThen(wAborted)
		}
	case wFetched:
		if w.pd.version >= 11 {
			c.take(4) // preferred replica
		}
		n := c.length(w.flexible, true)
		if c.failed() {
			return
		}
		if t := w.kept(); t != nil && n > 0 {
			t.count(w.partition)
		}
		w.beginRecords(c, n)
	case wRecordErrors:
		if n := c.array(w.flexible); !c.failed() {
			w.items = n
			w.state = wRecordError
		}
	case wRecordError:
		if w.items <= 0 {
			w.state = wErrorMessage
			return
		}
		c.take(4) // index in the batch
		if n := c.length(w.flexible, false); !c.failed() {
			w.items--
			w.skip(c, n)
			w.tagsThen(wRecordError)
		}
	case wErrorMessage:
		if n := c.length(w.flexible, false); !c.failed() {
			w.skip(c, n)
			w.tagsThen(wPartitionEnd)
		}
	}
}

// responseHead reads a response up to its topics or, of Metadata, its brokers.
func (w *walker) responseHead(c *cursor) {
	v, code := w.pd.version, int16(0)
	switch w.pd.api {
	case Fetch:
		if v >= 1 {
			c.take(4) // throttled
		}
		if v >= 7 {
			code = c.i16()
			c.take(4) // session
		}
	case OffsetCommit:
		if v >= 3 {
			c.take(4) // throttled
		}
	case Metadata:
		c.take(4) // throttled
	}
	n := c.array(w.flexible)
	if c.failed() {
		return
	}
	if w.pd.api == Metadata {
		w.items = n
		w.state = wBroker
		return
	}
	w.failed(code)
	w.beginTopics(n)
}

// producedPartition reads a partition of a Produce response.
func (w *walker) producedPartition(c *cursor) {
	v := w.pd.version
	_, code, offset := c.i32(), c.i16(), c.i64()
	if v >= 2 {
		c.take(8) // log append time
	}
	if v >= 5 {
		c.take(8) // log start
	}
	if c.failed() {
		return
	}
	w.failed(code)
	if t := w.kept(); t != nil && code == 0 && t.partitions == 1 && offset >= 0 {
		t.offset = offset
	}
	if w.state = wPartitionEnd; v >= 8 {
		w.state = wRecordErrors
	}
}

// fetchedPartition reads a partition of a Fetch response up to the aborted transactions.
func (w *walker) fetchedPartition(c *cursor) {
	v := w.pd.version
	index, code := c.i32(), c.i16()
	c.take(8) // high watermark
	if v >= 4 {
		c.take(8) // last stable offset
	}
	if v >= 5 {
		c.take(8) // log start
	}
	var aborted int32
	if v >= 4 {
		aborted = c.array(w.flexible)
	}
	if c.failed() {
		return
	}
	w.partition, w.items = index, aborted
	if t := w.kept(); t != nil && code != 0 {
		t.count(index)
	}
	w.failed(code)
	w.state = wAborted
}

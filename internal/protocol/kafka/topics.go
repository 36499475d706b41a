// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import "github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"

// Versions from which topics are named by id (KIP-516).
const (
	idsProduce      = 13
	idsFetch        = 13
	idsOffsetCommit = 10
)

func (w *walker) topicIDs() bool {
	switch w.pd.api {
	case Produce:
		return w.pd.version >= idsProduce
	case Fetch:
		return w.pd.version >= idsFetch
	}
	return w.pd.version >= idsOffsetCommit
}

// beginTopics begins the array of topics.
func (w *walker) beginTopics(n int32) {
	w.topics, w.nextTopic, w.topic = n, 0, -1
	w.state = wTopic
	if n == 0 {
		w.afterTopics()
	}
}

// namedTopic reads a topic and the number of its partitions.
func (w *walker) namedTopic(c *cursor) {
	var name []byte
	var id [16]byte
	if w.topicIDs() {
		id = c.uuid()
	} else {
		name = c.str(w.flexible)
	}
	n := c.array(w.flexible)
	if c.failed() {
		return
	}
	w.parts, w.topic = n, -1
	pd := w.pd
	switch {
	case w.dir == segment.Response && pd.api != Fetch:
		w.topic = pd.findTopic(w.nextTopic, name, id)
		w.nextTopic++
	case w.dir == segment.Request && pd.api == Fetch: // those of the response tell more
	case len(pd.topics) >= w.p.cfg.maxTopics || w.p.q.bytes > queuedBytes:
		pd.topicsCut = true
		w.p.cfg.stats.TopicsNotKept++
	default:
		w.topic = len(pd.topics)
		t := topic{id: id, part: -1, offset: -1}
		if name != nil {
			t.name = w.p.q.put(pd, name)
		}
		pd.topics = append(pd.topics, t)
	}
	w.state = wPartition
	if n == 0 {
		w.tagsThen(wTopicEnd)
	}
}

// kept is the topic at hand, nil if it is not kept.
func (w *walker) kept() *topic {
	if w.topic < 0 {
		return nil
	}
	return &w.pd.topics[w.topic]
}

func (w *walker) endPartition() {
	w.parts--
	if w.state = wPartition; w.parts <= 0 {
		w.tagsThen(wTopicEnd)
	}
}

func (w *walker) endTopic() {
	w.topics--
	w.topic = -1
	if w.state = wTopic; w.topics <= 0 {
		w.afterTopics()
	}
}

// afterTopics goes on behind the array of topics.
func (w *walker) afterTopics() {
	w.state = wEnd
	switch {
	case w.dir == segment.Response:
		w.pd.errKnown = true
	case w.pd.api == Fetch && w.pd.version >= 7:
		w.state = wForgotten
	}
}

// count takes note of a partition that was named.
func (t *topic) count(partition int32) {
	if t.partitions == 0 {
		t.part = partition
	}
	t.partitions++
}

// failed takes note of an error code.
func (w *walker) failed(code int16) {
	if code == 0 {
		return
	}
	if w.pd.err == 0 {
		w.pd.err = code
	}
	w.pd.errKnown = true
	if t := w.kept(); t != nil && t.err == 0 {
		t.err = code
	}
}

// partitionStep reads a partition up to what is variable in it.
func (w *walker) partitionStep(c *cursor) {
	switch {
	case w.dir == segment.Response && w.pd.api == Produce:
		w.producedPartition(c)
	case w.dir == segment.Response && w.pd.api == Fetch:
		w.fetchedPartition(c)
	case w.dir == segment.Response:
		_, code := c.i32(), c.i16()
		if !c.failed() {
			w.failed(code)
			w.tagsThen(wPartitionEnd)
		}
	case w.pd.api == Produce:
		w.producePartition(c)
	case w.pd.api == Fetch:
		w.fetchPartition(c)
	default:
		w.commitPartition(c)
	}
}

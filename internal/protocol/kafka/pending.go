// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"bytes"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
)

// span is a part of pending.buf; set tells it from an absent one.
type span struct {
	off, len uint32
	set      bool
}

// topic is a Topic whose name is in pending.buf.
type topic struct {
	name             span
	id               [16]byte
	partitions, part int32
	messages, bytes  int64
	offset           int64
	lost             bool // messages is not exact
	err              int16
}

// context is the trace context of one record.
type context [numContextKeys]span

// pending is a request that waits for its response, and the response as far as it came.
type pending struct {
	api         API
	version     int16
	correlation int32
	acks        int16
	acksKnown   bool
	follower    bool
	topicsCut   bool
	contextsCut bool
	errKnown    bool
	err         int16

	buf           []byte
	client, group span
	topics        []topic
	contexts      []context

	carried, records int64

	reqStart, reqEnd, respStart uint64
	reqSize, respSize           int64
	reqTag, respTag             segment.Tag
}

const (
	keepBuf    = 4 << 10 // largest buffer kept for another request
	keepTopics = 32
	maxFree    = 256 // pending records kept for reuse
)

func (c *Config) newPending() *pending {
	if n := len(c.free); n > 0 {
		pd := c.free[n-1]
		c.free = c.free[:n-1]
		return pd
	}
	return &pending{}
}

func (c *Config) release(pd *pending) {
	if len(c.free) >= maxFree || cap(pd.buf) > keepBuf || cap(pd.topics) > keepTopics {
		return
	}
	*pd = pending{buf: pd.buf[:0], topics: pd.topics[:0], contexts: pd.contexts[:0]}
	c.free = append(c.free, pd)
}

func (pd *pending) slice(s span) []byte {
	if !s.set {
		return nil
	}
	return pd.buf[s.off : s.off+s.len : s.off+s.len]
}

// queue holds the requests that wait, in their order.
type queue struct {
	ring  []*pending // of a power of two
	head  int
	n     int
	bytes int // in the buffers of these and of the one that is being answered
}

func (q *queue) at(i int) *pending { return q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *queue) push(pd *pending) {
	if q.n == len(q.ring) {
		ring := make([]*pending, max(8, 2*len(q.ring)))
		for i := range q.n {
			ring[i] = q.at(i)
		}
		q.ring, q.head = ring, 0
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = pd
	q.n++
}

func (q *queue) pop() *pending {
	i := q.head & (len(q.ring) - 1)
	pd := q.ring[i]
	q.ring[i] = nil
	q.head, q.n = (q.head+1)&(len(q.ring)-1), q.n-1
	return pd
}

// popTail takes the newest.
func (q *queue) popTail() {
	q.ring[(q.head+q.n-1)&(len(q.ring)-1)] = nil
	q.n--
}

// find gives the place of a correlation id, -1 if none waits with it.
func (q *queue) find(correlation int32) int {
	for i := range q.n {
		if q.at(i).correlation == correlation {
			return i
		}
	}
	return -1
}

// put keeps bytes of a waiting request.
func (q *queue) put(pd *pending, b []byte) span {
	s := span{uint32(len(pd.buf)), uint32(len(b)), true}
	pd.buf = append(pd.buf, b...)
	q.bytes += len(b)
	return s
}

// cut gives up what was kept of pd from off on.
func (q *queue) cut(pd *pending, off int) {
	q.bytes -= len(pd.buf) - off
	pd.buf = pd.buf[:off]
}

// findTopic gives the place of a topic, looking first at the one expected, -1 if it is not kept.
func (pd *pending) findTopic(expected int, name []byte, id [16]byte) int {
	is := func(t *topic) bool { return t.id == id && bytes.Equal(pd.slice(t.name), name) }
	if expected < len(pd.topics) && is(&pd.topics[expected]) {
		return expected
	}
	for i := range pd.topics {
		if is(&pd.topics[i]) {
			return i
		}
	}
	return -1
}

// fill copies pd into the exchange; its slices point into pd.
func (pd *pending) fill(c *Config, e *Exchange) {
	topics, contexts := e.Topics[:0], e.Contexts[:0]
	for i := range pd.topics {
		t := &pd.topics[i]
		out := Topic{
			Name: pd.slice(t.name), ID: t.id, Partitions: t.partitions, Partition: t.part,
			Messages: t.messages, Bytes: t.bytes, Offset: t.offset, Error: t.err,
		}
		if t.lost {
			out.Messages = -1
		}
		if t.id != [16]byte{} && out.Name == nil {
			if out.Name = c.topics[t.id]; out.Name == nil {
				c.stats.UnknownTopicIDs++
			}
		}
		topics = append(topics, out)
	}
	for i := range pd.contexts {
		x := &pd.contexts[i]
		contexts = append(contexts, Context{pd.slice(x[contextParent]), pd.slice(x[contextState]), pd.slice(x[contextB3])})
	}
	*e = Exchange{
		API: pd.api, Version: pd.version, CorrelationID: pd.correlation,
		ClientID: pd.slice(pd.client), Group: pd.slice(pd.group),
		Acks: pd.acks, AcksKnown: pd.acksKnown, Follower: pd.follower,
		Topics: topics, TopicsCut: pd.topicsCut,
		Contexts: contexts, Carried: pd.carried, Records: pd.records, ContextsCut: pd.contextsCut,
		Error: pd.err, ErrorKnown: pd.errKnown,
		RequestSize: pd.reqSize, ResponseSize: pd.respSize,
		RequestStart: pd.reqStart, RequestEnd: pd.reqEnd, ResponseStart: pd.respStart,
		RequestTag: pd.reqTag, ResponseTag: pd.respTag,
	}
}

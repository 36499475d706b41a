// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

// metadataStep reads a Metadata response of version 10 or later for the ids of topics.
func (w *walker) metadataStep(c *cursor) {
	switch w.state {
	case wBroker:
		if w.items <= 0 {
			w.state = wCluster
			return
		}
		c.take(4) // id
		c.str(w.flexible)
		c.take(4) // port
		c.str(w.flexible)
		if !c.failed() {
			w.items--
			w.tagsThen(wBroker)
		}
	case wCluster:
		c.str(w.flexible)
		c.take(4) // controller
		if n := c.array(w.flexible); !c.failed() {
			w.topics = n
			w.state = wTopicName
		}
	case wTopicName:
		w.topicName(c)
	case wReplicas:
		if w.parts <= 0 {
			w.state = wOperations
			return
		}
		c.take(2 + 4 + 4 + 4) // error, index, leader and its epoch
		w.nodes(c, wInSync)
	case wInSync:
		w.nodes(c, wOffline)
	case wOffline:
		if w.nodes(c, wReplicas); !c.failed() {
			w.parts--
			w.tagsThen(wReplicas)
		}
	case wOperations:
		if c.take(4); !c.failed() {
			w.tagsThen(wTopicName)
		}
	}
}

// nodes passes over a list of brokers.
func (w *walker) nodes(c *cursor, next state) {
	n := c.array(w.flexible)
	if c.failed() {
		return
	}
	w.state = next
	w.skip(c, 4*int64(n))
}

// topicName reads the head of a topic.
func (w *walker) topicName(c *cursor) {
	if w.topics <= 0 {
		w.state = wEnd
		return
	}
	code, name, id := c.i16(), c.str(w.flexible), c.uuid()
	c.take(1) // internal
	n := c.array(w.flexible)
	if c.failed() {
		return
	}
	if code == 0 && len(name) > 0 && id != [16]byte{} {
		w.p.cfg.learn(id, name)
	}
	w.topics--
	w.parts = n
	w.state = wReplicas
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

const (
	defaultMaxPipeline = 4096
	defaultMaxTopics   = 64
	defaultMaxContexts = 32
	// queuedBytes bounds what is kept of waiting requests, in bytes.
	queuedBytes = 256 << 10
	// maxTopicIDs bounds the names of topic ids; an entry has some 100 bytes.
	maxTopicIDs = 1 << 14
)

// Options configure dissection. The zero value is usable.
type Options struct {
	// TraceContext reads the trace context in the headers of records.
	TraceContext bool
	// MaxPipeline is the largest number of requests that wait for a response; default 4096.
	MaxPipeline int
	// MaxTopics is the largest number of topics handed on of one exchange; default 64.
	MaxTopics int
	// MaxContexts is the largest number of different trace contexts handed on of one
	// exchange; default 32.
	MaxContexts int
	// Stats receives the counters; nil lets NewConfig make its own.
	Stats *Stats
}

// Config is compiled from Options and shared by the parsers of one goroutine: they share
// its counters, the names of topic ids and the Exchange they emit. Different goroutines need
// different Configs.
type Config struct {
	contexts                            bool
	maxPipeline, maxTopics, maxContexts int
	stats                               *Stats
	topics                              map[[16]byte][]byte
	ex                                  Exchange
	free                                []*pending
}

// NewConfig compiles options.
func NewConfig(o Options) *Config {
	c := &Config{
		contexts: o.TraceContext, maxPipeline: o.MaxPipeline, maxTopics: o.MaxTopics, maxContexts: o.MaxContexts,
		stats: o.Stats, topics: map[[16]byte][]byte{},
	}
	if c.maxPipeline <= 0 {
		c.maxPipeline = defaultMaxPipeline
	}
	if c.maxTopics <= 0 {
		c.maxTopics = defaultMaxTopics
	}
	if c.maxContexts <= 0 {
		c.maxContexts = defaultMaxContexts
	}
	if c.stats == nil {
		c.stats = new(Stats)
	}
	return c
}

// Stats returns the counters of all parsers of this Config.
func (c *Config) Stats() *Stats { return c.stats }

// learn keeps the name of a topic id.
func (c *Config) learn(id [16]byte, name []byte) {
	if string(c.topics[id]) == string(name) {
		return
	}
	if len(c.topics) >= maxTopicIDs {
		c.stats.TopicIDsForgotten += uint64(len(c.topics))
		clear(c.topics)
	}
	c.topics[id] = append([]byte(nil), name...)
}

// Stats are plain counters, written by one goroutine. They only grow.
type Stats struct {
	Requests  uint64 // requests whose header began to be read
	Exchanges uint64 // exchanges emitted

	DropOverflow uint64 // requests: more waiting than MaxPipeline
	DropCut      uint64 // requests: a hole took a part of their header
	DropNoStatus uint64 // requests: their response passed unseen

	OrphanResponses uint64 // responses without a known request
	GhostResponses  uint64 // responses to requests already counted as dropped

	UndecodableRequests  uint64 // no header where a request must begin
	UndecodableResponses uint64 // no header where a response must begin
	SkippedBytes         uint64 // bytes that belong to no recognised message
	BadBodies            uint64 // bodies that do not follow the protocol's definition
	CutBodies            uint64 // bodies of which a hole took what was to be read
	TopicsNotKept        uint64 // topics above the bounds of one exchange or of the queue
	ContextsNotKept      uint64 // trace contexts above the bound of one exchange
	UnknownTopicIDs      uint64 // topics handed on without a name
	TopicIDsForgotten    uint64 // topic ids given up to make room
	Tokens               uint64 // raw authentication tokens that passed, or were left out by the capture
	Gaps                 uint64 // holes that were not wholly inside one message
	GapBytes             uint64 // bytes of these holes
}

// Drops is the number of requests that were seen and not emitted.
func (s *Stats) Drops() uint64 { return s.DropOverflow + s.DropCut + s.DropNoStatus }

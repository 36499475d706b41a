// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

const (
	defaultMaxHeader  = 4096
	defaultMaxPending = 4096
	defaultMaxFilters = 64
	defaultMaxAliases = 1024
)

// Options configure dissection. The zero value is usable.
type Options struct {
	// MaxHeader is how much of a packet's beginning is looked at, in bytes; default 4096.
	MaxHeader int
	// MaxPending is the largest number of publishes of a connection that wait for an answer; default 4096.
	MaxPending int
	// MaxFilters bounds the subscriptions that are remembered of a connection; default 64.
	MaxFilters int
	// MaxAliases bounds the topic aliases that are remembered of a direction; default 1024.
	MaxAliases int
	// Stats receives the counters; nil lets NewConfig make its own.
	Stats *Stats
}

// Config is compiled from Options and shared by the parsers of one goroutine: they share
// its counters and the Message they emit. Different goroutines need different Configs.
type Config struct {
	maxHeader, maxPending, maxFilters, maxAliases int
	stats                                         *Stats
	msg                                           Message
}

// NewConfig compiles options.
func NewConfig(o Options) *Config {
	or := func(n, or int) int {
		if n <= 0 {
			return or
		}
		return n
	}
	c := &Config{
		maxHeader: or(o.MaxHeader, defaultMaxHeader), maxPending: or(o.MaxPending, defaultMaxPending),
		maxFilters: or(o.MaxFilters, defaultMaxFilters), maxAliases: or(o.MaxAliases, defaultMaxAliases), stats: o.Stats,
	}
	if c.stats == nil {
		c.stats = new(Stats)
	}
	return c
}

// Stats returns the counters of all parsers of this Config.
func (c *Config) Stats() *Stats { return c.stats }

// Stats are plain counters, written by one goroutine. They only grow.
type Stats struct {
	Messages uint64 // PUBLISH packets whose topic was seen
	Emitted  uint64 // messages emitted

	DropEnded uint64 // messages cut by the end of their connection

	Settlements          uint64 // PUBACK and PUBCOMP of consumers
	AnswersNotAwaited    uint64 // publishes emitted before their answer: more than MaxPending, or an identifier came again
	OrphanAnswers        uint64 // answers to no known publish
	FiltersNotKept       uint64 // subscriptions above MaxFilters
	Undecodable          uint64 // no packet where one must begin
	UnseenTopics         uint64 // PUBLISH packets whose topic was in a hole, or above MaxHeader
	SkippedBytes         uint64 // bytes passed over in search of a packet
	HeadersCut           uint64 // messages whose properties were not wholly seen
	Gaps                 uint64 // holes that were not wholly inside a packet
	GapBytes             uint64 // bytes of these holes
	EncryptedConnections uint64 // connections that turned to TLS
}

// Drops is the number of messages that were seen and not emitted.
func (s *Stats) Drops() uint64 { return s.DropEnded }

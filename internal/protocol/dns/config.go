// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import "time"

const (
	defaultMaxPending = 16384
	defaultTimeout    = 10 * time.Second
	defaultMaxAnswers = 32
	// grace is how long a response waits for its query, which another thread may be
	// sending.
	grace = 200 * time.Millisecond
	// maxMessage bounds the bytes of one message on a connection that are read, when it
	// does not come in one segment.
	maxMessage = 4096
)

// Options configure dissection. The zero value is usable.
type Options struct {
	// Answers hands on the records of the answer section.
	Answers bool
	// MaxAnswers bounds these in one exchange; default 32.
	MaxAnswers int
	// MaxPending bounds the queries that wait for a response, of one Pairs; default 16384.
	// On one connection there are no more than 1024.
	MaxPending int
	// Timeout is how long a query waits for its response; default 10 s.
	Timeout time.Duration
	// Stats receives the counters; nil lets NewConfig make its own.
	Stats *Stats
}

// Config is compiled from Options and shared by what is made of it on one goroutine: it
// shares its counters, the Message it reads into and the Exchange it emits. Different
// goroutines need different Configs.
type Config struct {
	maxPending int
	timeout    uint64
	stats      *Stats
	decoder    Decoder
	ex         Exchange
	free       []*query
}

// NewConfig compiles options.
func NewConfig(o Options) *Config {
	c := &Config{maxPending: o.MaxPending, timeout: uint64(o.Timeout), stats: o.Stats}
	if c.maxPending <= 0 {
		c.maxPending = defaultMaxPending
	}
	if o.Timeout <= 0 {
		c.timeout = uint64(defaultTimeout)
	}
	if c.stats == nil {
		c.stats = new(Stats)
	}
	if o.Answers {
		c.decoder.MaxAnswers = o.MaxAnswers
		if o.MaxAnswers <= 0 {
			c.decoder.MaxAnswers = defaultMaxAnswers
		}
	}
	return c
}

// Stats returns the counters of all that was made of this Config.
func (c *Config) Stats() *Stats { return c.stats }

// Stats are plain counters, written by one goroutine. They only grow.
type Stats struct {
	Queries         uint64 // queries seen
	Exchanges       uint64 // exchanges emitted
	Retransmissions uint64 // queries that a client sent again: of an exchange counted once

	DropOverflow uint64 // queries: more waiting than MaxPending
	DropUnseen   uint64 // queries: their response passed unseen

	OrphanResponses  uint64 // responses without a known query
	TransferMessages uint64 // messages of a transfer after the first
	Undecodable      uint64 // messages that are not DNS
	SkippedBytes     uint64 // bytes on connections that belong to no message
	Gaps             uint64 // holes on connections that hid a boundary
}

// Drops is the number of queries that were seen and not emitted.
func (s *Stats) Drops() uint64 { return s.DropOverflow + s.DropUnseen }

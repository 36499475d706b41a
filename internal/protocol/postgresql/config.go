// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

const (
	defaultMaxText       = 8 << 10
	defaultMaxPipeline   = 1024
	defaultMaxStatements = 256
	// maxName bounds kept names; the server's own bound is 63 (NAMEDATALEN).
	maxName = 256
	// maxResults bounds the results listed in one exchange; all are counted.
	maxResults = 16
	// tableTexts bounds the texts of one connection's tables, in multiples of MaxText.
	tableTexts = 64
	// maxFree bounds the statements kept for reuse.
	maxFree = 256
)

// Options configure dissection. The zero value is usable.
type Options struct {
	// MaxText is the largest query text kept, in bytes; default 8 KiB. Longer ones are cut.
	MaxText int
	// MaxPipeline is the largest number of operations and Syncs that wait for a response;
	// default 1024.
	MaxPipeline int
	// MaxStatements is the largest number of prepared statements, and of portals, known by
	// name per connection; default 256. Their texts are bounded by 64 times MaxText.
	MaxStatements int
	// Stats receives the counters; nil lets NewConfig make its own.
	Stats *Stats
}

// Config is compiled from Options and shared by the parsers of one goroutine: they share
// its counters and the Exchange they emit. Different goroutines need different Configs.
type Config struct {
	maxText, maxPipeline, maxStatements int
	stats                               *Stats
	ex                                  Exchange
	free                                []*statement
}

// NewConfig compiles options.
func NewConfig(o Options) *Config {
	c := &Config{maxText: o.MaxText, maxPipeline: o.MaxPipeline, maxStatements: o.MaxStatements, stats: o.Stats}
	if c.maxText <= 0 {
		c.maxText = defaultMaxText
	}
	if c.maxPipeline <= 0 {
		c.maxPipeline = defaultMaxPipeline
	}
	if c.maxStatements <= 0 {
		c.maxStatements = defaultMaxStatements
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
	Requests  uint64 // operations recognised
	Exchanges uint64 // exchanges emitted

	DropOverflow  uint64 // operations: more waiting than MaxPipeline
	DropAmbiguous uint64 // operations: a hole made their response impossible to tell

	OrphanResponses      uint64 // results and errors without a known request
	UnexpectedResponses  uint64 // responses that the request they would answer cannot have
	UndecodableRequests  uint64 // no valid message where a frontend message must begin
	UndecodableResponses uint64 // no valid message where a backend message must begin
	SkippedBytes         uint64 // captured bytes that belong to no recognised message
	Gaps                 uint64 // holes that hid a message boundary
	GapBytes             uint64 // bytes of these holes
	TextsCut             uint64 // query texts of which the end was not captured or not kept
	StatementsForgotten  uint64 // statements and portals for which the tables had no room
	UnknownStatements    uint64 // operations on a statement whose Parse was not seen

	Startups      uint64 // startup messages
	StartupErrors uint64 // of them refused
	Encrypted     uint64 // connections that changed to TLS or GSS encryption
	Cancels       uint64 // cancel requests
}

// Drops is the number of operations that were seen and not emitted.
func (s *Stats) Drops() uint64 { return s.DropOverflow + s.DropAmbiguous }

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

const (
	defaultMaxText       = 8 << 10
	defaultMaxPipeline   = 1024
	defaultMaxStatements = 256
	// maxName bounds kept names; the server's own bounds are 80 (user) and 64 (database)
	// characters.
	maxName = 256
	// tableTexts bounds the texts of one connection's tables, in multiples of MaxText.
	tableTexts = 64
	// maxFree bounds the statements kept for reuse.
	maxFree = 256
)

// Options configure dissection. The zero value is usable.
type Options struct {
	// MaxText is the largest query text kept, in bytes; default 8 KiB. Longer ones are cut.
	MaxText int
	// MaxPipeline is the largest number of commands that wait for a response; default 1024.
	MaxPipeline int
	// MaxStatements is the largest number of prepared statements known per connection;
	// default 256. Their texts are bounded by 64 times MaxText.
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
	Requests  uint64 // commands recognised
	Exchanges uint64 // exchanges emitted

	DropOverflow  uint64 // commands: more waiting than MaxPipeline
	DropAmbiguous uint64 // commands: a hole made their response impossible to tell

	OrphanResponses      uint64 // response packets without a known command
	UnexpectedResponses  uint64 // packets that the command they would answer cannot have
	UndecodableRequests  uint64 // no command where one must begin
	UndecodableResponses uint64 // no response where one must begin
	SkippedBytes         uint64 // captured bytes that belong to no recognised packet
	Gaps                 uint64 // holes that hid a packet boundary
	GapBytes             uint64 // bytes of these holes
	TextsCut             uint64 // query texts of which the end was not captured or not kept
	StatementsForgotten  uint64 // statements for which the table had no room
	UnknownStatements    uint64 // commands on a statement whose preparation was not seen

	Logins       uint64 // logins begun
	LoginErrors  uint64 // of them refused
	Encrypted    uint64 // connections that changed to TLS
	Compressed   uint64 // connections that changed to the compressed protocol
	Replication  uint64 // connections that became a replication stream
	OldProtocols uint64 // connections with a protocol before 4.1
}

// Drops is the number of commands that were seen and not emitted.
func (s *Stats) Drops() uint64 { return s.DropOverflow + s.DropAmbiguous }

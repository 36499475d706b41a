// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

const (
	defaultMaxPipeline = 1024
	// maxMessage is the longest message that is believed: servers take 48,000,000 bytes
	// (maxMessageSizeBytes) and answer with no more than a document and its frame.
	maxMessage = 64 << 20
)

// Options configure dissection. The zero value is usable.
type Options struct {
	// MaxPipeline is the largest number of requests that wait for a response; default 1024.
	MaxPipeline int
	// Stats receives the counters; nil lets NewConfig make its own.
	Stats *Stats
}

// Config is compiled from Options and shared by the parsers of one goroutine: they share
// its counters and the Exchange they emit. Different goroutines need different Configs.
type Config struct {
	maxPipeline int
	stats       *Stats
	ex          Exchange
}

// NewConfig compiles options.
func NewConfig(o Options) *Config {
	c := &Config{maxPipeline: o.MaxPipeline, stats: o.Stats}
	if c.maxPipeline <= 0 {
		c.maxPipeline = defaultMaxPipeline
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
	Requests  uint64 // requests whose header was seen
	Exchanges uint64 // exchanges emitted

	DropOverflow uint64 // requests: more waiting than MaxPipeline
	DropNoStatus uint64 // requests: their response passed unseen

	StreamedResponses uint64 // responses that follow another without a request
	OrphanResponses   uint64 // responses without a known request

	UndecodableRequests  uint64 // no header where a request must begin
	UndecodableResponses uint64 // no header where a response must begin
	BadDocuments         uint64 // messages whose content is no BSON
	SkippedBytes         uint64 // bytes that belong to no recognised message
	Gaps                 uint64 // holes that were not wholly inside messages
	GapBytes             uint64 // bytes of these holes
}

// Drops is the number of requests that were seen and not emitted.
func (s *Stats) Drops() uint64 { return s.DropOverflow + s.DropNoStatus }

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

const (
	defaultMaxPipeline = 4096
	defaultMaxKeys     = 16
	// maxKey is the longest key that servers accept.
	maxKey = 250
	// queuedKeys bounds the key bytes of waiting commands, in multiples of MaxKeys*maxKey.
	queuedKeys = 64
)

// Options configure dissection. The zero value is usable.
type Options struct {
	// Keys hands on keys.
	Keys bool
	// MaxKeys is the largest number of keys handed on of one command; default 16.
	MaxKeys int
	// MaxPipeline is the largest number of commands that wait for a response; default 4096.
	MaxPipeline int
	// Stats receives the counters; nil lets NewConfig make its own.
	Stats *Stats
}

// Config is compiled from Options and shared by the parsers of one goroutine: they share
// its counters and the Exchange they emit. Different goroutines need different Configs.
type Config struct {
	keys        bool
	maxKeys     int
	maxPipeline int
	stats       *Stats
	ex          Exchange
	exKeys      [][]byte
}

// NewConfig compiles options.
func NewConfig(o Options) *Config {
	c := &Config{keys: o.Keys, maxKeys: o.MaxKeys, maxPipeline: o.MaxPipeline, stats: o.Stats}
	if c.maxKeys <= 0 {
		c.maxKeys = defaultMaxKeys
	}
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
	Requests  uint64 // commands whose name was seen
	Exchanges uint64 // exchanges emitted

	DropOverflow  uint64 // commands: more waiting than MaxPipeline
	DropAmbiguous uint64 // commands: their response could not be told from others
	DropNoStatus  uint64 // commands: their response passed unseen
	DropEnded     uint64 // commands: the connection became a log stream (watch)

	OrphanResponses uint64 // responses without a known command
	Mismatches      uint64 // responses that no waiting command can have

	UndecodableRequests  uint64 // no command where one must begin
	UndecodableResponses uint64 // no response where one must begin
	SkippedBytes         uint64 // bytes that belong to no recognised message
	CutRequests          uint64 // commands cut by a hole
	CutResponses         uint64 // responses cut by a hole
	KeysNotKept          uint64 // keys above the bounds, or hidden by a hole
	Gaps                 uint64 // holes that were not wholly inside data of known length
	GapBytes             uint64 // bytes of these holes
}

// Drops is the number of commands that were seen and not emitted.
func (s *Stats) Drops() uint64 {
	return s.DropOverflow + s.DropAmbiguous + s.DropNoStatus + s.DropEnded
}

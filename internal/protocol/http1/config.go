// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "strings"

const (
	defaultMaxHeader   = 64 << 10
	defaultMaxPipeline = 1024
	// maxCaptured bounds the captured header values of one exchange.
	maxCaptured = 256
	// queuedHeads bounds the bytes kept for waiting requests, in multiples of MaxHeader.
	queuedHeads = 4
)

// Options configure dissection. The zero value is usable.
type Options struct {
	// MaxHeader is the largest header section read, in bytes; default 64 KiB. What is
	// longer is treated like one cut by the capture.
	MaxHeader int
	// MaxPipeline is the largest number of requests that wait for a response; default 1024.
	MaxPipeline int
	// RequestHeaders and ResponseHeaders name the header fields to hand on, in any case.
	RequestHeaders, ResponseHeaders []string
	// Stats receives the counters; nil lets NewConfig make its own.
	Stats *Stats
}

// Config is compiled from Options and shared by the parsers of one goroutine: they share
// its counters and the Exchange they emit. Different goroutines need different Configs.
type Config struct {
	maxHeader, maxPipeline int
	capture                [2]captureTable
	initial                [2][256]bool // first letters of the names looked at
	stats                  *Stats
	ex                     Exchange
	scratch                pending
	read                   [2]sections
	fold                   []byte
}

// captureTable holds the wanted header names by length; longer names share the last bucket.
type captureTable [32][]captureName

type captureName struct {
	name  string // lower case
	index int
}

func newCaptureTable(names []string) (t captureTable) {
	for i, n := range names {
		if n == "" {
			continue
		}
		n = strings.ToLower(n)
		k := min(len(n), len(t)-1)
		t[k] = append(t[k], captureName{n, i})
	}
	return t
}

// NewConfig compiles options.
func NewConfig(o Options) *Config {
	c := &Config{
		maxHeader:   o.MaxHeader,
		maxPipeline: o.MaxPipeline,
		capture:     [2]captureTable{newCaptureTable(o.RequestHeaders), newCaptureTable(o.ResponseHeaders)},
		stats:       o.Stats,
	}
	for _, b := range []byte("ctCT") {
		c.initial[Response][b] = true
	}
	for _, b := range []byte("bcehtuxBCEHTUX") {
		c.initial[Request][b] = true
	}
	for d, t := range c.capture {
		for _, names := range t {
			for _, w := range names {
				c.initial[d][w.name[0]] = true
				c.initial[d][strings.ToUpper(w.name)[0]] = true
			}
		}
	}
	if c.maxHeader <= 0 {
		c.maxHeader = defaultMaxHeader
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
	Requests  uint64 // request messages recognised
	Exchanges uint64 // exchanges emitted

	DropOverflow  uint64 // requests: more waiting than MaxPipeline or the memory bound allows
	DropAmbiguous uint64 // requests: a hole made their response impossible to tell
	DropNoStatus  uint64 // requests: their response passed, but its status was lost
	DropUpgraded  uint64 // requests: sent before the connection changed protocol

	OrphanResponses uint64 // final responses without a known request
	GhostResponses  uint64 // final responses to requests already counted as dropped

	UndecodableRequests  uint64 // no request line where a request must begin
	UndecodableResponses uint64 // no status line where a response must begin
	SkippedBytes         uint64 // bytes that belong to no recognised message
	BadContentLength     uint64 // invalid, overflowing or contradicting Content-Length
	BadTransferEncoding  uint64 // request coding whose end cannot be known
	BadChunk             uint64 // invalid chunk size or chunk end
	CutHeads             uint64 // header sections cut by a hole
	LongHeads            uint64 // header sections longer than MaxHeader
	HeadersNotKept       uint64 // captured header values above the bound of one exchange
	ChunksLost           uint64 // chunked messages whose framing was lost in a hole
	Gaps                 uint64 // holes that were not wholly inside a body of known length
	GapBytes             uint64 // bytes of these holes
}

// Drops is the number of requests that were seen and not emitted.
func (s *Stats) Drops() uint64 {
	return s.DropOverflow + s.DropAmbiguous + s.DropNoStatus + s.DropUpgraded
}

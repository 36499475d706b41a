// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

const (
	defaultMaxHeader  = 64 << 10
	defaultMaxStreams = 1024
	// maxCaptured bounds the captured header values of one exchange.
	maxCaptured = 256
	// openHeads bounds the bytes kept for open streams, in multiples of MaxHeader.
	openHeads = 16
	// maxFree bounds the stream records kept for reuse.
	maxFree = 256
)

// Options configure dissection. The zero value is usable.
type Options struct {
	// MaxHeader is the largest compressed header block read, and the most that is kept of
	// a decompressed one, in bytes; default 64 KiB. What is longer is treated like one cut
	// by the capture.
	MaxHeader int
	// MaxStreams is the largest number of open streams followed on one connection, whatever
	// the peers agree on; default 1024.
	MaxStreams int
	// RequestHeaders and ResponseHeaders name the header fields to hand on, in any case.
	RequestHeaders, ResponseHeaders []string
	// GRPCMessage hands on grpc-message, which may hold anything a server says of an error.
	GRPCMessage bool
	// Stats receives the counters; nil lets NewConfig make its own.
	Stats *Stats
}

// Config is compiled from Options and shared by the parsers of one goroutine: they share
// its counters and the Exchange they emit. Different goroutines need different Configs.
type Config struct {
	maxHeader, maxStreams int
	names                 nameSet
	static                [numStatic + 1]staticField
	huffman               *huffmanTable
	stats                 *Stats
	ex                    Exchange
	head                  head
	valueBuf              []byte // the string at hand, decoded
	free                  []*stream
	order                 []*stream
}

// NewConfig compiles options.
func NewConfig(o Options) *Config {
	c := &Config{maxHeader: o.MaxHeader, maxStreams: o.MaxStreams, huffman: sharedHuffman(), stats: o.Stats}
	if c.maxHeader <= 0 {
		c.maxHeader = defaultMaxHeader
	}
	if c.maxStreams <= 0 {
		c.maxStreams = defaultMaxStreams
	}
	if c.stats == nil {
		c.stats = new(Stats)
	}
	c.names = newNameSet(&o)
	for i, f := range staticFields {
		c.static[i+1] = staticField{name: c.names.find([]byte(f[0])), nameLen: uint32(len(f[0])), value: []byte(f[1])}
	}
	return c
}

// Stats returns the counters of all parsers of this Config.
func (c *Config) Stats() *Stats { return c.stats }

// Stats are plain counters, written by one goroutine. They only grow.
type Stats struct {
	Requests  uint64 // requests recognised, pushed ones included
	Exchanges uint64 // exchanges emitted

	DropOverflow uint64 // requests: more open streams than MaxStreams or the memory bound allows
	DropNoStatus uint64 // requests: a hole may have hidden the response, and no part of it was seen

	OrphanResponses uint64 // final responses on streams without a known request
	UnknownFields   uint64 // header fields left out: the dynamic table's entry was never seen
	UnknownBlocks   uint64 // header blocks of a client of which it is not known what they begin or end
	CutBlocks       uint64 // header blocks cut by a hole
	LongBlocks      uint64 // header blocks longer than MaxHeader
	BadBlocks       uint64 // header blocks that are not valid HPACK
	HeadersNotKept  uint64 // header values above the memory bounds
	TableLosses     uint64 // dynamic tables whose content became unknown

	BadFrames    uint64 // frames that break the framing rules
	Resyncs      uint64 // directions that were taken up again at a segment's start
	SkippedBytes uint64 // bytes that belong to no recognised frame
	Gaps         uint64 // holes that were not wholly inside frames of known length
	GapBytes     uint64 // bytes of these holes
	MessagesLost uint64 // gRPC bodies in which a hole took the messages' framing
	Resets       uint64 // RST_STREAM frames
	GoAways      uint64 // GOAWAY frames
}

// Drops is the number of requests that were seen and not emitted.
func (s *Stats) Drops() uint64 { return s.DropOverflow + s.DropNoStatus }

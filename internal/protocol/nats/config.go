// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

const (
	defaultMaxLine          = 4096 // the server's max_control_line
	defaultMaxHeaders       = 4096
	defaultMaxSubscriptions = 1024
)

// Options configure dissection. The zero value is usable.
type Options struct {
	// MaxLine is the longest control line, in bytes; default 4096 as the server's.
	MaxLine int
	// MaxHeaders is how much of a message's headers is looked at, in bytes; default 4096.
	MaxHeaders int
	// MaxSubscriptions bounds the subscriptions that are remembered of a connection; default 1024.
	MaxSubscriptions int
	// Stats receives the counters; nil lets NewConfig make its own.
	Stats *Stats
}

// Config is compiled from Options and shared by the parsers of one goroutine: they share
// its counters and the Message they emit. Different goroutines need different Configs.
type Config struct {
	maxLine, maxHeaders, maxSubscriptions int
	stats                                 *Stats
	msg                                   Message
}

// NewConfig compiles options.
func NewConfig(o Options) *Config {
	c := &Config{maxLine: o.MaxLine, maxHeaders: o.MaxHeaders, maxSubscriptions: o.MaxSubscriptions, stats: o.Stats}
	if c.maxLine <= 0 {
		c.maxLine = defaultMaxLine
	}
	if c.maxHeaders <= 0 {
		c.maxHeaders = defaultMaxHeaders
	}
	if c.maxSubscriptions <= 0 {
		c.maxSubscriptions = defaultMaxSubscriptions
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
	Messages uint64 // messages whose verb was seen
	Emitted  uint64 // messages emitted

	DropCut         uint64 // messages whose control line was cut by a hole
	DropUndecodable uint64 // messages whose control line or whose payload's end is not valid
	DropEnded       uint64 // messages cut by the end of the connection

	ServerErrors         uint64 // -ERR
	UnknownSubscriptions uint64 // deliveries whose SUB was not seen
	Undecodable          uint64 // no control line where one must begin
	SkippedBytes         uint64 // bytes passed over in search of a control line
	HeadersCut           uint64 // messages whose headers were not wholly seen
	Gaps                 uint64 // holes that were not wholly inside a payload
	GapBytes             uint64 // bytes of these holes
	HiddenMessages       uint64 // messages in these holes, by their bytes and the mean size before
	SubscriptionsNotKept uint64 // subscriptions above MaxSubscriptions
	ForeignConnections   uint64 // connections between servers
	EncryptedConnections uint64 // connections that turned to TLS
}

// Drops is the number of messages that were seen and not emitted.
func (s *Stats) Drops() uint64 { return s.DropCut + s.DropUndecodable + s.DropEnded }

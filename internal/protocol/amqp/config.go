// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

const (
	defaultMaxHeader   = 4096
	defaultMaxChannels = 2047 // RabbitMQ's channel_max
	defaultMaxPending  = 4096
	defaultMaxQueues   = 1024
)

// Options configure dissection. The zero value is usable.
type Options struct {
	// MaxHeader is how much of a method or of a message's properties is looked at, in bytes; default 4096.
	MaxHeader int
	// MaxChannels bounds the channels that are followed of a connection; default 2047.
	MaxChannels int
	// MaxPending is the largest number of publishes of a connection that wait for a confirm; default 4096.
	MaxPending int
	// MaxQueues bounds the names of consumers and their queues that are remembered of a connection; default 1024.
	MaxQueues int
	// Stats receives the counters; nil lets NewConfig make its own.
	Stats *Stats
}

// Config is compiled from Options and shared by the parsers of one goroutine: they share
// its counters and the Message they emit. Different goroutines need different Configs.
type Config struct {
	maxHeader, maxChannels, maxPending, maxQueues int
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
		maxHeader: or(o.MaxHeader, defaultMaxHeader), maxChannels: or(o.MaxChannels, defaultMaxChannels),
		maxPending: or(o.MaxPending, defaultMaxPending), maxQueues: or(o.MaxQueues, defaultMaxQueues), stats: o.Stats,
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
	Messages uint64 // messages, also those that only numbers tell of
	Emitted  uint64 // messages emitted

	DropHiddenDeliveries uint64 // deliveries whose frames were not seen, by their tags
	DropHiddenPublishes  uint64 // publishes whose frames were not seen, by their confirms
	DropCut              uint64 // messages whose method frame was cut by a hole
	DropEnded            uint64 // messages cut by the end of their connection or channel
	DropOverflow         uint64 // messages on more channels than MaxChannels

	Settlements          uint64 // acks, nacks and rejects of consumers
	Returns              uint64 // messages that came back as unroutable
	ConfirmsNotAwaited   uint64 // publishes emitted before their confirm: more than MaxPending
	UnknownQueues        uint64 // deliveries to consumers whose consume was not seen
	Undecodable          uint64 // no frame where one must begin or end
	SkippedBytes         uint64 // bytes passed over in search of a frame
	HeadersCut           uint64 // messages whose properties were not wholly seen
	Gaps                 uint64 // holes that were not wholly inside a body
	GapBytes             uint64 // bytes of these holes
	EncryptedConnections uint64 // connections that turned to TLS
	ForeignConnections   uint64 // connections of another version of AMQP
}

// Drops is the number of messages that were told of and not emitted.
func (s *Stats) Drops() uint64 {
	return s.DropHiddenDeliveries + s.DropHiddenPublishes + s.DropCut + s.DropEnded + s.DropOverflow
}

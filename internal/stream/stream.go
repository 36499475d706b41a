// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package stream turns the records of the socket Daemon into connections and
// their two byte directions, and hands these to the handlers of protocols. It
// is used on one goroutine.
package stream

import (
	"net/netip"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/tls"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Direction is that of bytes as the observed process sees them.
type Direction uint8

// The two directions of a connection.
const (
	Receive Direction = iota // the process received the bytes
	Send                     // the process sent them
)

// Role tells which side of the connection the observed process is.
type Role uint8

// The roles of a process.
const (
	Unknown Role = iota
	Server
	Client
)

// Proto is what the kernel recognized from the first bytes.
type Proto uint8

// The protocols that the kernel side recognizes.
const (
	ProtoUnknown Proto = iota
	ProtoHTTP1
	ProtoHTTP2
	ProtoPostgreSQL
	ProtoMySQL
	ProtoRedis
	ProtoMemcached
	ProtoKafka
	ProtoAMQP
	ProtoNATS
	ProtoMQTT
	ProtoMongoDB
	ProtoDNS
	numProtos = iota
)

// Conn is one connection as one process sees it. Both ends of a connection
// between two observed processes are two Conns.
type Conn struct {
	// ID is unique while the receiver runs.
	ID    uint64
	Role  Role
	Proto Proto
	// Process is never nil.
	Process *probe.ProcessInfo
	// Local and Remote are unmapped (never IPv4 in IPv6). They are invalid for Unix sockets.
	Local, Remote netip.AddrPort
	// NetNS is the inode number of the network namespace, 0 when not known.
	NetNS uint32
	// Unix tells that it is a Unix stream socket.
	Unix bool
	// TLS tells that the bytes are the plaintext of an encrypted connection.
	TLS bool
	// Hello is what is known of how it is encrypted, nil without TLS. It may come to be
	// known later, as long as the connection is open.
	Hello *tls.Facts
}

// Segment is a run of bytes in one direction, of which the capture may have
// copied only a prefix.
type Segment struct {
	segment.Segment
	Dir Direction
	// Lost counts the requests of the connection that began in records which
	// were lost before this segment. Protocol.Lost was told of them. It wraps.
	Lost uint16
}

// Ref names a request: the connection on which the serving process received
// it and the Seq of the segment that it began in.
type Ref = segment.Ref

// CloseReason says why a connection is no longer followed.
type CloseReason = segment.CloseReason

// The reasons for Handler.Close.
const (
	Closed   = segment.CloseNormal   // both sides are closed
	Reset    = segment.CloseReset    // a reset or another error ended it
	Evicted  = segment.CloseEvicted  // the table of connections was full or the kernel's close was not seen
	Shutdown = segment.CloseShutdown // the receiver stops
)

// Handler follows one connection of one protocol.
type Handler interface {
	// Segment takes the bytes of either direction in the kernel's order.
	Segment(s *Segment)
	// Skip says that n bytes of a direction were not seen.
	Skip(d Direction, n int64)
	// EOF says that no more bytes come in that direction.
	EOF(d Direction, ts uint64)
	// Idle says that nothing was sent or received for a while before ts.
	Idle(ts uint64)
	// Close is the last call.
	Close(reason CloseReason, ts uint64)
}

// Protocol makes handlers. It is registered with the socket Daemon by an
// Instrument at Load.
type Protocol interface {
	// Proto is the kernel's name of it.
	Proto() Proto
	// Open returns a handler for a connection, or nil to ignore it. The Conn
	// stays valid and unchanged until the handler's Close.
	Open(c *Conn) Handler
	// Lost says that the kernel could not hand over n exchanges of the process
	// (which may be nil) because the ring was full.
	Lost(p *probe.ProcessInfo, n uint64)
}

// Summary is an exchange of HTTP/1 whose bytes were not copied, since it is
// simple and Dropped: a request and its response without an error in their form.
// Its Host field is that of the connection's last segments.
type Summary struct {
	// Start and End are boot time of the first byte of the request and the last one
	// of the response, ns.
	Start, End uint64
	// Target is that of a request to a server, if Sampling asks for it. It is valid
	// only during the call.
	Target []byte
	// RequestSize and ResponseSize are of the bodies, -1 when not known.
	RequestSize, ResponseSize int64
	Status                    uint16
	Method                    Method
	Minor                     uint8 // of the version
	// Route is that of segment.Tag.
	Route uint16
}

// Sampling says what the kernel drops, and what it tells of that.
type Sampling struct {
	// Reject is what part of 2^32 is dropped, at random.
	Reject uint64
	// Targets, Sizes and Durations are wanted of each exchange. Without them the kernel counts
	// exchanges, in Tallies.
	Targets, Sizes, Durations bool
	// Alone tells that there are no traces: nobody asks what an exchange is done for.
	Alone bool
}

// Method is one of HTTP's: enum method of bpf/include/socket.h.
type Method uint8

// The methods that summaries are made of.
const (
	Get Method = 1 + iota
	Post
	Head
	Put
	Delete
	Options
	Patch
)

// Summarizer is a Handler that takes summaries and tallies, in the order of the segments.
type Summarizer interface {
	Summary(s *Summary)
	// Tally takes what came to a Tally since it was given last.
	Tally(t *Tally)
}

// Routes is a Source that knows which routes the programs that serve requests chose for them.
type Routes interface {
	// Route is the pattern of a route by its number in a Tag or a Summary, as the program wrote
	// it. It is empty when it is not known.
	Route(number uint16) string
}

// Routed is a Handler of a protocol with streams that takes the number of a route, as in a Tag, for
// the request on one of them, before its response. method tells that the text of that number is the
// path of a call of gRPC, "/package.Service/Method".
type Routed interface {
	Routed(stream uint32, route uint16, method bool)
}

// Callers is a Source that knows what calls are made for that one goroutine writes for others.
type Callers interface {
	// Caller is the request for which the call on a stream was made that the writer wrote, as
	// in Ref, once. It is zero when there is none, or it is not known.
	Caller(pid uint32, writer uint64, stream uint32) Ref
}

// Source is what the socket Daemon offers to Instruments.
type Source interface {
	// Register adds a protocol. Until then connections that speak it cost next to nothing.
	Register(p Protocol) error
	// Sample lets the kernel decide on the traces that begin with a request of
	// HTTP/1, and send Summaries and Tallies of those that it drops. What a thread causes, and both
	// ends of a connection, share one decision. The handlers of ProtoHTTP1 must be
	// Summarizers.
	Sample(s Sampling) error
	// Correlator finds the parents of exchanges among those of all protocols. The
	// Daemon ticks it, and flushes it when all connections have been closed.
	Correlator() *correlate.Correlator
}

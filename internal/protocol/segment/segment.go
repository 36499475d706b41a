// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package segment holds the types that all dissectors of connections share, so that what
// feeds one can feed any of them.
package segment

// Direction of bytes on a connection.
type Direction uint8

// The directions. Messages that a server sends unasked go with the responses.
const (
	Request  Direction = iota // client to server
	Response                  // server to client
)

// Ref names a request: the connection on which its server received it, and the Seq of the
// segment that it began in. The zero value names none.
type Ref struct {
	Conn uint64
	Seq  uint32
	// Goroutine tells that it is a goroutine that takes part in the request, on whatever
	// thread, and not a thread.
	Goroutine bool
	// Writer tells that Conn is the goroutine that wrote the segment for others, and nothing
	// else is known.
	Writer bool
}

// Tag says where a segment came from. Parsers do not look at it: they carry it from the
// segment in which a message starts to its exchange.
type Tag struct {
	// TID is the thread that received or sent the first byte.
	TID uint32
	// Seq is the TCP sequence number of the first byte: the same at both ends.
	// On other sockets it counts bytes from where observation began.
	Seq uint32
	// Parent names the request that this thread was serving, and no other, when it
	// sent the segment. Zero when not known.
	Parent Ref
	// Decided is what the capture decided on the trace of the request that begins here.
	Decided Decision
	// Route is a number for the route that the serving program chose for the request whose
	// response begins here. Zero when not known.
	Route uint16
}

// Decision says whether a trace is kept.
type Decision uint8

// The decisions. What is undecided is decided when the exchange has ended.
const (
	Undecided Decision = iota
	Drop
	Keep
)

// Segment is a run of stream bytes of one direction, of which a prefix was captured.
type Segment struct {
	Data []byte // captured bytes; valid only during the call
	Len  int64  // bytes in the stream, at least len(Data); the rest was not captured
	// Last[:LastLen] are the last bytes of a segment that was not wholly captured.
	Last       [8]byte
	LastLen    uint8
	Start, End uint64 // kernel's boot time of the first and the last byte, ns
	Tag
}

// CloseReason says why a connection or its tracking ended.
type CloseReason uint8

// The reasons for Parser.Close.
const (
	CloseNone     CloseReason = iota // not closed
	CloseNormal                      // FIN or close
	CloseReset                       // RST
	CloseEvicted                     // forgotten by the tracker
	CloseShutdown                    // the receiver stops
)

func (r CloseReason) String() string {
	switch r {
	case CloseNone:
		return "not closed"
	case CloseNormal:
		return "closed"
	case CloseReset:
		return "reset"
	case CloseEvicted:
		return "evicted"
	case CloseShutdown:
		return "shutdown"
	}
	return "unknown"
}

// Verdict of a dissector's Recognize.
type Verdict uint8

// The verdicts on the first bytes of a direction.
const (
	No       Verdict = iota // not this protocol
	NeedMore                // a possible start, too short to tell
	Yes                     // the start of a message
)

// Parser follows one connection in the protocol of its dissector. It is used on one
// goroutine, and its callback must not call it back.
type Parser interface {
	// Opened says, before any byte, that the connection is seen from its start.
	Opened()
	// Segment takes the next bytes of a direction. It keeps nothing of s.
	Segment(d Direction, s *Segment)
	// Skip takes note of n bytes of a direction that were lost between segments.
	Skip(d Direction, n int64)
	// EOF takes note of the end of a direction at the time ts.
	EOF(d Direction, ts uint64)
	// Idle says that no byte came for a while before ts.
	Idle(ts uint64)
	// Close ends the connection or its tracking: what is pending is emitted or counted.
	Close(reason CloseReason, ts uint64)
	// Reset makes the parser ready for another connection.
	Reset()
	// Done reports that no further bytes are of interest.
	Done() bool
	// Pending is the number of requests that wait for the end of their response.
	Pending() int
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

// Direction of bytes on a connection.
type Direction uint8

const (
	Request  Direction = iota // client to server
	Response                  // server to client
)

// Tag is opaque to the parser. It is carried from the segment in which a message starts
// to its exchange.
type Tag struct {
	TID uint32
	Seq uint32
	Ref [2]uint64
}

// Segment is a run of stream bytes of one direction, of which a prefix was captured.
type Segment struct {
	Data []byte // captured bytes; valid only during the call
	Len  int64  // bytes in the stream; Len-len(Data) were not captured
	// Last[:LastLen] are the last bytes of a segment that was not wholly captured.
	Last       [8]byte
	LastLen    uint8
	Start, End uint64 // kernel time of the first and the last byte, ns
	Tag        Tag
}

// CloseReason says why a connection or its tracking ended.
type CloseReason uint8

const (
	CloseNone     CloseReason = iota // not closed
	CloseNormal                      // FIN or close
	CloseReset                       // RST
	CloseEvicted                     // forgotten by the tracker
	CloseShutdown                    // the receiver stops
)

// Outcome says how much of an exchange was seen.
type Outcome uint8

const (
	// Complete: the reply ended as its framing says.
	Complete Outcome = iota
	// NoReply: the client asked for none (CLIENT REPLY OFF or SKIP).
	NoReply
	// NotExecuted: queued by MULTI, then discarded or aborted.
	NotExecuted
	// NoResponse: the connection ended before a byte of the reply.
	NoResponse
	// ResponseCut: the connection ended in the middle of the reply.
	ResponseCut
	// Truncated: the reply's type is known, its framing was lost, and its end was inferred
	// from the next command, from silence or from the connection's end.
	Truncated
)

func (o Outcome) String() string {
	switch o {
	case Complete:
		return "complete"
	case NoReply:
		return "no reply"
	case NotExecuted:
		return "not executed"
	case NoResponse:
		return "no response"
	case ResponseCut:
		return "response cut"
	case Truncated:
		return "truncated"
	}
	return "unknown"
}

// Kind is the type of a reply, its first byte on the wire.
type Kind byte

// The types of RESP2 and RESP3. Attributes and pushes are not replies, except that RESP3
// confirms a subscription by a push.
const (
	KindNone      Kind = 0
	KindSimple    Kind = '+'
	KindError     Kind = '-'
	KindInteger   Kind = ':'
	KindBulk      Kind = '$'
	KindArray     Kind = '*'
	KindNull      Kind = '_'
	KindBoolean   Kind = '#'
	KindDouble    Kind = ','
	KindBigNumber Kind = '('
	KindBulkError Kind = '!'
	KindVerbatim  Kind = '='
	KindMap       Kind = '%'
	KindSet       Kind = '~'
	KindPush      Kind = '>'
)

// Exchange is one command with its reply. It and its slices are valid only during the
// emit call. A nil slice means that the field was not seen.
type Exchange struct {
	// Operation is the command's name in upper case, with its sub-command where the command
	// has them: "HSET", "CONFIG GET".
	Operation []byte
	// Known: the command and the sub-command are ones of Redis or Valkey. Else Operation is
	// what the client sent, which is of unbounded variety (modules, mistakes).
	Known bool
	// Args is the number of arguments behind the command's name, a sub-command included; -1
	// when not known.
	Args int64
	// Keys are the key arguments as sent (Options.Keys); see KeysTruncated.
	Keys [][]byte
	// KeysTruncated: there are more keys, or one was cut.
	KeysTruncated bool
	// Script is the digest of EVALSHA or the name of FCALL; nil when longer than 64 bytes.
	Script []byte
	// DB is the database's index, -1 when not known.
	DB int32

	// Kind of the reply; KindNone when none was seen. A null of RESP2 is KindNull.
	Kind Kind
	// Failed: the reply is an error.
	Failed bool
	// ErrorPrefix is the first word of an error if it is in upper case, as is the custom:
	// "ERR", "WRONGTYPE", "MOVED".
	ErrorPrefix []byte
	// Elements of an array, set or push, entries of a map; -1 for other replies.
	Elements int64

	// Batch is the number of commands sent in a row before the next byte from the server,
	// of which this is one; 0 when not known.
	Batch int
	// Transaction: the command was queued by MULTI; its reply is an element of EXEC's.
	Transaction bool

	// Bytes on the wire, -1 when not exactly known. When the reply was cut by the connection's
	// end: what passed until then. EXEC's reply includes those of its transaction.
	RequestSize, ResponseSize int64

	// Kernel times, ns, 0 when unknown.
	RequestStart, RequestEnd, ResponseStart, ResponseEnd uint64
	// End is ResponseEnd when that is known, else the close or the last byte seen before the
	// exchange was given up.
	End uint64

	RequestTag, ResponseTag Tag

	Outcome Outcome
	Reason  CloseReason // set when the exchange was ended by the connection's end
}

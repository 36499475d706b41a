// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

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

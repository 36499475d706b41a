// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

// Outcome says how much of an exchange was seen.
type Outcome uint8

const (
	// Complete: the response ended as its framing says.
	Complete Outcome = iota
	// NoReply: the client asked for none (noreply, verbosity's binary kin).
	NoReply
	// Quiet: a quiet command whose response was suppressed, so it has the expected result:
	// a miss of a get, success of others. Or, with StatusKnown false, one of several of
	// which some were.
	Quiet
	// NoResponse: the connection ended before a byte of the response.
	NoResponse
	// ResponseCut: the connection ended in the middle of the response.
	ResponseCut
	// Truncated: the response began, its framing was lost, and its end was inferred from the
	// next command, from silence or from the connection's end.
	Truncated
)

func (o Outcome) String() string {
	switch o {
	case Complete:
		return "complete"
	case NoReply:
		return "no reply"
	case Quiet:
		return "quiet"
	case NoResponse:
		return "no response"
	case ResponseCut:
		return "response cut"
	case Truncated:
		return "truncated"
	}
	return "unknown"
}

// Protocol is the dialect of a command.
type Protocol uint8

const (
	Text   Protocol = iota
	Meta            // mg, ms, md, ma, mn, me
	Binary          // magic 0x80
)

// Exchange is one command with its response. It and its slices are valid only during the
// emit call. A nil slice means that the field was not seen.
type Exchange struct {
	// Operation is the command's name in lower case: "get", "mg"; of the binary protocol the
	// names of protocol_binary.h: "getkq". Empty when the command is not one of memcached's.
	Operation string
	Protocol  Protocol
	// KeyCount is the number of keys; 0 for commands without; -1 when not known.
	KeyCount int64
	// Keys as sent (Options.Keys); see KeysTruncated.
	Keys [][]byte
	// KeysTruncated: there are more keys, or one was cut.
	KeysTruncated bool

	// Hits and Misses of a command that looks keys up; -1 when not known or none such.
	Hits, Misses int64
	// StatusKnown: the end of the response was seen, or its suppression.
	StatusKnown bool
	// Status is the first word of the text response's last line ("END", "STORED", "HD",
	// "NOT_FOUND", "SERVER_ERROR"), "" for a number (incr, decr) and in the binary protocol.
	Status []byte
	// Code is the binary response's status; -1 when there is none.
	Code int32
	// Failed: the response is an error, other than a key that is absent or present.
	Failed bool
	// ValueBytes is the length of the values sent with the command, or returned for it; -1
	// when not exactly known.
	ValueBytes int64

	// Batch is the number of commands sent in a row before the next byte from the server,
	// of which this is one; 0 when not known.
	Batch int

	// Bytes on the wire, -1 when not exactly known. When the response was cut by the
	// connection's end: what passed until then.
	RequestSize, ResponseSize int64

	// Kernel times, ns, 0 when unknown.
	RequestStart, RequestEnd, ResponseStart, ResponseEnd uint64
	// End is ResponseEnd when that is known, else the close, the response that showed a
	// suppression, or the last byte seen before the exchange was given up.
	End uint64

	RequestTag, ResponseTag Tag

	Outcome Outcome
	Reason  CloseReason // set when the exchange was ended by the connection's end
}

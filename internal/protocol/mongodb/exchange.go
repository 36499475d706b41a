// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

// Outcome says how much of an exchange was seen.
type Outcome uint8

const (
	// Complete: the response ended as its length says.
	Complete Outcome = iota
	// NoReply: the client asked for none (moreToCome, legacy writes), or none came before
	// the response to a later request.
	NoReply
	// NoResponse: the connection ended before a byte of the response.
	NoResponse
	// ResponseCut: the connection ended in the middle of the response, or the response's end
	// was lost.
	ResponseCut
)

func (o Outcome) String() string {
	switch o {
	case Complete:
		return "complete"
	case NoReply:
		return "no reply"
	case NoResponse:
		return "no response"
	case ResponseCut:
		return "response cut"
	}
	return "unknown"
}

// Exchange is one command with its response. It and its slices are valid only during the
// emit call. A nil slice means that the field was not seen.
type Exchange struct {
	// Operation is the command's name as sent: "find", "insert"; of legacy messages "query",
	// "getMore", "insert", "update", "delete", "killCursors". Nil when it was not seen, as
	// in a compressed message.
	Operation []byte
	// Known: Operation is a command of MongoDB's. Any other may be of any cardinality.
	Known bool
	// Collection without its database, and Database; see CollectionCut.
	Collection, Database []byte
	// Compressed: request or response were, so what it holds is not known.
	Compressed bool
	// Legacy: not OP_MSG.
	Legacy bool
	// Batch is the number of statements in a write command: documents, updates, deletes,
	// operations of bulkWrite. -1 when there are none such or the number is not known.
	Batch int64

	// StatusKnown: the response's field "ok" was seen, or an error in it.
	StatusKnown bool
	// Failed: the command failed, wholly or, with write errors, in part.
	Failed bool
	// Code is the first error's; 0 when there is none or it is not known.
	Code int32
	// CodeName is Code's name, if the server told it.
	CodeName []byte
	// Returned is the number of documents in the response's batch; -1 when it has none or
	// the number is not known.
	Returned int64
	// MoreToCome: further responses follow without a request (an exhaust cursor).
	MoreToCome bool

	// Bytes on the wire, -1 when not exactly known. When the response was cut by the
	// connection's end: what passed until then.
	RequestSize, ResponseSize int64

	// Kernel times, ns, 0 when unknown.
	RequestStart, RequestEnd, ResponseStart, ResponseEnd uint64
	// End is ResponseEnd when that is known, else the request's end of an exchange without a
	// response, the close, or the last byte seen before the exchange was given up.
	End uint64

	RequestTag, ResponseTag Tag

	Outcome Outcome
	Reason  CloseReason // set when the exchange was ended by the connection's end
}

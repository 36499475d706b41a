// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

// Kind of an operation.
type Kind uint8

const (
	kindBarrier Kind = iota // a Sync in the queue; never emitted

	KindQuery    // Query: one or more statements as text
	KindExecute  // Execute, with the Parse, Bind and Describe that led to it
	KindParse    // Parse without an Execute: a statement was prepared
	KindBind     // Bind without an Execute
	KindDescribe // Describe alone
	KindClose    // Close of a statement or portal
	KindFunction // FunctionCall
	KindSync     // Sync whose implicit commit failed
)

func (k Kind) String() string {
	switch k {
	case KindQuery:
		return "query"
	case KindExecute:
		return "execute"
	case KindParse:
		return "parse"
	case KindBind:
		return "bind"
	case KindDescribe:
		return "describe"
	case KindClose:
		return "close"
	case KindFunction:
		return "function"
	case KindSync:
		return "sync"
	}
	return "unknown"
}

// Outcome says how much of an exchange was seen.
type Outcome uint8

const (
	// Complete: the response ended, with all results or with the error given.
	Complete Outcome = iota
	// NoResponse: the connection ended before a byte of the response.
	NoResponse
	// ResponseCut: the connection ended in the middle of the response.
	ResponseCut
	// Truncated: the response ended, but a hole took its result. It may have been an error.
	Truncated
	// Skipped: the server passed over the operation because an earlier one of the same
	// pipeline failed. It was not executed.
	Skipped
)

func (o Outcome) String() string {
	switch o {
	case Complete:
		return "complete"
	case NoResponse:
		return "no response"
	case ResponseCut:
		return "response cut"
	case Truncated:
		return "truncated"
	case Skipped:
		return "skipped"
	}
	return "unknown"
}

// Result is the end of one statement.
type Result struct {
	// Command is the command tag without numbers ("SELECT", "CREATE TABLE"); nil for a
	// suspended portal.
	Command []byte
	// Rows is the number in the command tag: rows returned, affected or copied. For a
	// suspended portal it is the number of rows counted. -1 when there is none.
	Rows int64
}

// Exchange is one operation with its response. It and its slices are valid only during the
// emit call. Nil slices and -1 mean that a thing is not known or was not said.
type Exchange struct {
	Kind Kind
	// Text is the query as sent, of one or more statements. It is nil for a statement whose
	// Parse was not seen. TextCut: only its beginning is known.
	Text    []byte
	TextCut bool
	// Statement is the name of the prepared statement, empty for the unnamed one; nil when
	// the operation has none or it is not known. Prepared: an operation on a statement that
	// an earlier exchange prepared.
	Statement []byte
	Prepared  bool
	// Continued: an Execute that resumes a portal which an earlier one began.
	Continued bool
	// Suspended: the portal has more rows than this Execute asked for.
	Suspended bool
	// Copy: COPY data passed, in either direction.
	Copy bool

	User     []byte // of the startup message
	Database []byte // of the startup message; the user's name when it gave none (the default)

	// Statements is the number of statements that ended without error or were suspended; an
	// empty query is none. Results lists the first 16 of them. ResultsCut: a hole may have taken some.
	Statements int
	Results    []Result
	ResultsCut bool

	// Severity ("ERROR", "FATAL", "PANIC"; not localised when the server tells, since 9.6)
	// and Code (SQLSTATE) of the ErrorResponse; nil without one.
	Severity, Code []byte
	// TxStatus is the transaction status of the ReadyForQuery that ended the exchange: 'I',
	// 'T' or 'E'. 0 when another message ended it.
	TxStatus byte

	// Bytes of the messages on the wire, -1 when not exactly known. When cut by the
	// connection's end: what passed until then.
	RequestSize, ResponseSize int64

	// Kernel times, ns, 0 when unknown.
	RequestStart, RequestEnd, ResponseStart, ResponseEnd uint64
	// End is ResponseEnd when that is known, else the close or the last byte seen before
	// the exchange was given up.
	End uint64

	RequestTag, ResponseTag Tag

	Outcome Outcome
	Reason  CloseReason // set when the exchange was ended by the connection's end
}

// Failed reports that the server answered with an error.
func (e *Exchange) Failed() bool { return e.Severity != nil || e.Code != nil }

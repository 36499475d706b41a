// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

// Outcome says how much of an exchange was seen.
type Outcome uint8

const (
	// Complete: the response ended as its framing, its final chunk or, for a body until
	// close, its FIN says.
	Complete Outcome = iota
	// NoResponse: the connection ended before a byte of the final response.
	NoResponse
	// ResponseCut: the connection ended in the middle of the response. Status may be unknown.
	ResponseCut
	// Truncated: status is known, the framing was lost, and the end was inferred from the
	// next message, from silence or from the connection's end.
	Truncated
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
	}
	return "unknown"
}

// HeaderValue is one captured header field line.
type HeaderValue struct {
	Index int // into Options.RequestHeaders or Options.ResponseHeaders
	Value []byte
}

// Exchange is one request with its final response. It and its slices are valid only
// during the emit call. A nil slice means that the field was not seen; with a cut head it
// may have been sent all the same.
type Exchange struct {
	Method          []byte // as sent
	Target          []byte // request-target as sent: origin, absolute, authority or asterisk form
	TargetTruncated bool   // the capture ended inside Target
	Host            []byte
	UserAgent       []byte

	Traceparent    []byte // nil when sent twice with different values
	Tracestate     []byte // several lines joined by commas
	B3             []byte
	B3TraceID      []byte
	B3SpanID       []byte
	B3ParentSpanID []byte
	B3Sampled      []byte
	B3Flags        []byte
	traced         bool // any of these is set

	RequestContentType, ResponseContentType []byte
	RequestHeaders, ResponseHeaders         []HeaderValue

	RequestMinor  uint8 // HTTP/1.<minor>
	ResponseMinor uint8 // valid when StatusKnown
	Status        uint16
	StatusKnown   bool

	// Body bytes on the wire without chunk framing, -1 when not exactly known. When the
	// message was cut by the connection's end: what passed until then.
	RequestBodySize, ResponseBodySize int64

	// Kernel times, ns, 0 when unknown. ResponseStart is the start of the final response;
	// interim responses (1xx) do not count.
	RequestStart, RequestEnd, ResponseStart, ResponseEnd uint64
	// End is ResponseEnd when that is known, else the close or the last byte seen before
	// the exchange was given up.
	End uint64

	RequestTag, ResponseTag Tag

	// RequestHeadCut and ResponseHeadCut: not all header fields were seen.
	RequestHeadCut, ResponseHeadCut bool
	// KeepAlive: both sides' headers let the connection persist (RFC 9112 section 9.3).
	// False when a header section was cut or no response came.
	KeepAlive bool
	// Upgraded: the connection speaks another protocol from here (101, or 2xx to CONNECT).
	Upgraded bool
	Outcome  Outcome
	Reason   CloseReason // set when the exchange was ended by the connection's end
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

// Outcome says how much of an exchange was seen.
type Outcome uint8

const (
	// Complete: the response ended with END_STREAM, or became a tunnel (2xx to CONNECT).
	Complete Outcome = iota
	// NoResponse: the stream or the connection ended before the final response's header.
	NoResponse
	// ResponseCut: the stream or the connection ended in the middle of the response.
	ResponseCut
	// Truncated: a part of the response was seen, a hole hid the rest, and the end was
	// inferred from a reset, from silence or from the connection's end.
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

// Reset says what ended a stream early.
type Reset uint8

const (
	ResetNone     Reset = iota
	ResetByClient       // RST_STREAM from the client
	ResetByServer       // RST_STREAM from the server; with NO_ERROR also after a Complete response
	ResetGoAway         // the server's GOAWAY says that it did not process the stream
)

// HeaderValue is one captured header field line.
type HeaderValue struct {
	Index int // into Options.RequestHeaders or Options.ResponseHeaders
	Value []byte
}

// Exchange is one request with its final response. It and its slices are valid only
// during the emit call. A nil slice means that the field was not seen; with a cut header
// block or unknown fields it may have been sent all the same.
type Exchange struct {
	// StreamID is odd, or even for a pushed exchange.
	StreamID uint32

	Method    []byte // as sent
	Scheme    []byte
	Authority []byte // :authority
	Path      []byte // :path, absent with plain CONNECT
	Protocol  []byte // :protocol of an extended CONNECT (RFC 8441)
	Host      []byte // host field
	UserAgent []byte

	Traceparent    []byte // nil when sent twice with different values
	Tracestate     []byte // several lines joined by commas
	B3             []byte
	B3TraceID      []byte
	B3SpanID       []byte
	B3ParentSpanID []byte
	B3Sampled      []byte
	B3Flags        []byte
	GRPCTraceBin   []byte // grpc-trace-bin as sent: base64 of OpenCensus' binary context

	RequestContentType, ResponseContentType []byte
	RequestHeaders, ResponseHeaders         []HeaderValue

	Status      uint16
	StatusKnown bool

	// GRPC: a content-type application/grpc was seen on either side, or a grpc-status.
	// False may also mean that these fields were unknown.
	GRPC bool
	// GRPCService and GRPCMethod are the parts of Path, nil when it is not of that form.
	GRPCService, GRPCMethod []byte
	// GRPCStatus is the status code, from the trailers or the header of a response without
	// a body.
	GRPCStatus      uint32
	GRPCStatusKnown bool
	// GRPCMessage is grpc-message as sent (percent-encoded), only with Options.GRPCMessage.
	GRPCMessage []byte
	// Whole length-prefixed messages, -1 when not exactly known or not gRPC.
	RequestMessages, ResponseMessages int64

	// Body bytes: DATA without padding, -1 when not exactly known. When the message was cut
	// by a reset or the connection's end: what passed until then.
	RequestBodySize, ResponseBodySize int64

	// Kernel times, ns, 0 when unknown. ResponseStart is the start of the final response;
	// interim responses (1xx) do not count.
	RequestStart, RequestEnd, ResponseStart, ResponseEnd uint64
	// End is ResponseEnd when that is known, else the reset, the close or the last frame
	// seen before the exchange was given up.
	End uint64

	RequestTag, ResponseTag Tag

	// RequestHeadCut and ResponseHeadCut: not all header fields were seen.
	RequestHeadCut, ResponseHeadCut bool
	// Fields that refer to entries of the dynamic table which were never seen; they are
	// left out. ResponseUnknown counts header and trailer fields.
	RequestUnknown, ResponseUnknown uint32

	// Upgraded: the stream is a tunnel from here (2xx to CONNECT).
	Upgraded bool
	// Pushed: promised by the server, without a request of the client.
	Pushed  bool
	Outcome Outcome
	Reason  CloseReason // set when the exchange was ended by the connection's end

	// Reset, and its error code (RFC 9113 section 7) when ResetCodeKnown.
	Reset          Reset
	ResetCode      uint32
	ResetCodeKnown bool
}

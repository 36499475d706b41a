// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

// Kind says which way a message went.
type Kind uint8

// The kinds.
const (
	Publish Kind = iota // from the client
	Deliver             // to the client
)

func (k Kind) String() string { return [...]string{"publish", "deliver"}[k] }

// Outcome says how a message ended.
type Outcome uint8

// The outcomes.
const (
	// Passed: it has no answer, or the answer was not awaited.
	Passed Outcome = iota
	// Acknowledged: the server has taken it; see Message.Code.
	Acknowledged
	// Refused: the server has not; see Message.Code.
	Refused
	// NoAnswer: the connection ended before the answer.
	NoAnswer
)

func (o Outcome) String() string {
	return [...]string{"passed", "acknowledged", "refused", "no answer"}[o]
}

// Message is one message. It and its slices are valid only during the emit call. A nil
// slice means that the field was not there, or not seen.
type Message struct {
	Kind    Kind
	Outcome Outcome
	Topic   []byte // nil when it was sent as an alias that is not known
	// Filter is the only subscription with wildcards that a delivery's topic matches, and
	// Group the name of a shared subscription.
	Filter, Group  []byte
	QoS            uint8
	Retained, Dup  bool
	ID             uint16 // packet identifier, 0 with QoS 0
	Size           int64  // of the payload in bytes, -1 when not known
	HeadersCut     bool   // not all properties were seen
	VersionUnknown bool   // so properties and payload could not be told apart

	// Traceparent and Tracestate are the user properties of those names.
	Traceparent, Tracestate []byte

	Code   uint8       // reason code of the answer
	Reason CloseReason // set when the message was ended by the connection's end

	// Start and End are kernel times, ns, 0 when unknown: of the message's first byte, and of
	// its last byte or of its answer.
	Start, End uint64
	// Tag is that of the segment in which the message starts, its Seq moved to its first byte.
	// ResponseTID is the thread that passed the last byte.
	Tag         Tag
	ResponseTID uint32
}

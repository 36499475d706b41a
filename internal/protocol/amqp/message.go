// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

// Kind says how a message went.
type Kind uint8

// The kinds.
const (
	Publish Kind = iota // basic.publish: from the client
	Deliver             // basic.deliver: pushed to the client
	Get                 // basic.get: the client asked for it; there may be none
)

func (k Kind) String() string { return [...]string{"publish", "deliver", "get"}[k] }

// Outcome says how a message ended.
type Outcome uint8

// The outcomes.
const (
	// Passed: it has no answer, or the answer was not awaited.
	Passed Outcome = iota
	// Confirmed: the server has taken responsibility for the publish (basic.ack).
	Confirmed
	// Refused: the server has not (basic.nack).
	Refused
	// Failed: the server closed the channel or the connection; see Message.Code.
	Failed
	// NoConfirm: the channel or the connection ended before the confirm.
	NoConfirm
	// Empty: there was no message to get.
	Empty
)

func (o Outcome) String() string {
	return [...]string{"passed", "confirmed", "refused", "failed", "no confirm", "empty"}[o]
}

// Message is one message, or the answer that there is none. It and its slices are valid only
// during the emit call. A nil slice means that the field was not there, or not seen.
type Message struct {
	Kind                 Kind
	Outcome              Outcome
	Exchange, RoutingKey []byte
	// Queue is what was consumed from; nil when consume or get were not seen.
	Queue []byte
	// DeliveryTag numbers deliveries and, on channels in confirm mode, publishes; 0 when not known.
	DeliveryTag uint64
	Redelivered bool

	// Size is that of the body in bytes, -1 when not known.
	Size int64
	// MessageID and CorrelationID are properties.
	MessageID, CorrelationID []byte
	// Traceparent and Tracestate are the headers of those names.
	Traceparent, Tracestate []byte
	// HeadersCut: not all properties were seen.
	HeadersCut bool

	// Code is the reply code with which the server closed the channel or the connection.
	Code uint16
	// Reason is set when the message was ended by the connection's end.
	Reason CloseReason

	// Start and End are kernel times, ns, 0 when unknown: of the message's first byte, or of the
	// get's; and of its last byte, or of the confirm's.
	Start, End uint64
	// Tag is that of the segment in which the message or the get starts, its Seq moved to its
	// first byte. ResponseTID is the thread that passed the last byte.
	Tag         Tag
	ResponseTID uint32
}

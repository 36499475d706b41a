// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

// Kind says which way a message went.
type Kind uint8

// The kinds.
const (
	Publish Kind = iota // PUB, HPUB: from the client
	Deliver             // MSG, HMSG: to the client
)

// Message is one message. It and its slices are valid only during the emit call. A nil
// slice means that the field was not there, or not seen.
type Message struct {
	Kind           Kind
	Subject, Reply []byte
	// Subscription and Queue are the subject, maybe with wildcards, and the queue group of
	// the SUB that a delivery answers; nil when it was not seen.
	Subscription, Queue []byte

	// Size is that of the payload without headers, HeaderSize that of the headers, in bytes.
	Size, HeaderSize int64

	// ID is the header Nats-Msg-Id.
	ID []byte
	// Traceparent and Tracestate are the headers of those names.
	Traceparent, Tracestate []byte
	// Status is the code of a message of the server's own, as "503" (no responders).
	Status []byte
	// HeadersCut: not all headers were seen.
	HeadersCut bool

	// Start and End are kernel times of the message's first and last byte, ns, 0 when unknown.
	Start, End uint64
	// Tag is that of the segment in which the message starts, its Seq moved to the
	// message's first byte.
	Tag Tag
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"go.opentelemetry.io/otel/semconv/v1.40.0/messagingconv"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/endpoint"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
)

// Type is messaging.operation.type.
type Type = messagingconv.OperationTypeAttr

// The types that are seen on a wire.
const (
	Send    Type = "send"    // a producer hands messages to the broker
	Receive Type = "receive" // a consumer asks the broker for messages
	Process Type = "process" // the broker pushes messages to a consumer
	Settle  Type = "settle"  // a consumer acknowledges or refuses messages
)

// Operation is what was done with one message, or with several at once, by any
// protocol. Its strings are interned or constant: the Operation is kept by copying it.
// What is not known is empty, or -1 where that says so.
type Operation struct {
	System string // messaging.system
	Name   string // messaging.operation.name, the protocol's own word
	Type   Type

	// Destination is messaging.destination.name: what the message was published to, or
	// what it was consumed from.
	Destination string
	// Template is messaging.destination.template, a name of low cardinality.
	Template string
	// Temporary and Anonymous say so of the destination. Its name is not in metrics and names of spans.
	Temporary, Anonymous bool
	Subscription         string // messaging.destination.subscription.name
	Partition            string // messaging.destination.partition.id
	Group                string // messaging.consumer.group.name
	ClientID             string // messaging.client.id

	// MessageID and ConversationID are those of a single message.
	MessageID, ConversationID string
	// BodySize and EnvelopeSize are in bytes, -1 when not known.
	BodySize, EnvelopeSize int64
	// Messages is their number: it counts for the metrics.
	Messages int
	// Batch: the operation may have any number of messages, so the span tells it.
	Batch bool

	// Shares tell, for the metrics, how many messages went to which of several destinations,
	// or of how many it is known; without them all are Destination's. Valid during the call.
	Shares []Share

	// Offset is messaging.kafka.offset of a single message, if HasOffset.
	Offset    int64
	HasOffset bool

	// RoutingKey and DeliveryTag (0: none) are those of AMQP 0-9-1.
	RoutingKey  string
	DeliveryTag uint64

	ErrorType string // error.type; not empty if the operation failed

	// Remote is the trace context in the message. Its State is valid during the call.
	Remote tracing.Remote
	// Links are the contexts of a batch's messages, with the same State.
	Links []tracing.Remote

	// Start and End are boot time in ns.
	Start, End uint64
	// Message tells where the operation's first byte came from; its Seq is that byte's,
	// so that it is the same at both ends.
	Message segment.Tag
	// ResponseTID is the thread that received or sent the response.
	ResponseTID uint32
}

// Share is a part of an operation's messages.
type Share struct {
	Destination, Partition string
	Messages               int
}

// seconds is the duration.
func (op *Operation) seconds() float64 { return float64(op.End-op.Start) / 1e9 }

// SetTimes takes those of the first and the last byte, of which 0 is not known.
func (op *Operation) SetTimes(start, end uint64) {
	if start == 0 {
		start = end
	}
	op.Start, op.End = start, max(start, end)
}

// pushed tells that the broker began the operation.
func (op *Operation) pushed() bool { return op.Type == Process }

// Conn is one end of a connection. Held operations use it also after its end.
type Conn struct {
	endpoint.Endpoint

	cursors [2]aggregate.Cursor[seriesKey] // of sending and of all else
	pushes  correlate.Wire
}

func newConn(c *stream.Conn, r stream.Role, rec *recorder) *Conn {
	conn := &Conn{Endpoint: endpoint.Make(c, r, rec.strings)}
	if w := conn.Endpoint.Wire(); w != nil {
		conn.pushes = correlate.Wire{NetNS: w.NetNS, Client: w.Server, Server: w.Client}
	}
	return conn
}

// wire is the connection's name at both ends for operations of the kind, or nil when
// the other end is not on this host. The end that begins an operation is its client.
func (c *Conn) wire(op *Operation) *correlate.Wire {
	w := c.Endpoint.Wire()
	if w != nil && op.pushed() {
		return &c.pushes
	}
	return w
}

// begins tells whether this end began the operation.
func (c *Conn) begins(op *Operation) bool { return (c.Role == stream.Client) != op.pushed() }

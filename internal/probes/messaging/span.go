// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// Keys of attributes, as plain strings.
const (
	keySystem         = string(semconv.MessagingSystemKey)
	keyOperation      = string(semconv.MessagingOperationNameKey)
	keyType           = string(semconv.MessagingOperationTypeKey)
	keyDestination    = string(semconv.MessagingDestinationNameKey)
	keyTemplate       = string(semconv.MessagingDestinationTemplateKey)
	keyTemporary      = string(semconv.MessagingDestinationTemporaryKey)
	keyAnonymous      = string(semconv.MessagingDestinationAnonymousKey)
	keySubscription   = string(semconv.MessagingDestinationSubscriptionNameKey)
	keyPartition      = string(semconv.MessagingDestinationPartitionIDKey)
	keyGroup          = string(semconv.MessagingConsumerGroupNameKey)
	keyClientID       = string(semconv.MessagingClientIDKey)
	keyMessageID      = string(semconv.MessagingMessageIDKey)
	keyConversationID = string(semconv.MessagingMessageConversationIDKey)
	keyBodySize       = string(semconv.MessagingMessageBodySizeKey)
	keyEnvelopeSize   = string(semconv.MessagingMessageEnvelopeSizeKey)
	keyBatch          = string(semconv.MessagingBatchMessageCountKey)
	keyRoutingKey     = string(semconv.MessagingRabbitMQDestinationRoutingKeyKey)
	keyDeliveryTag    = string(semconv.MessagingRabbitMQMessageDeliveryTagKey)
	keyOffset         = string(semconv.MessagingKafkaOffsetKey)
	keyErrorType      = string(semconv.ErrorTypeKey)
	keyServerAddress  = string(semconv.ServerAddressKey)
	keyServerPort     = string(semconv.ServerPortKey)
	keyClientAddress  = string(semconv.ClientAddressKey)
	keyPeerAddress    = string(semconv.NetworkPeerAddressKey)
	keyPeerPort       = string(semconv.NetworkPeerPortKey)
	keyTransport      = string(semconv.NetworkTransportKey)
)

// fill writes the operation to a span, by the messaging semantic conventions.
func (r *recorder) fill(span ptrace.Span, c *Conn, op *Operation, id *tracing.Identity) {
	id.Write(span)
	span.SetName(r.spanName(c, op))
	span.SetKind(kind(c, op))
	span.SetStartTimestamp(r.set.Clock.Timestamp(op.Start))
	span.SetEndTimestamp(r.set.Clock.Timestamp(op.End))
	m := span.Attributes()
	m.EnsureCapacity(14)
	m.PutStr(keySystem, op.System)
	m.PutStr(keyOperation, op.Name)
	m.PutStr(keyType, string(op.Type))
	put(m, keyDestination, op.Destination)
	put(m, keyTemplate, op.Template)
	if op.Temporary {
		m.PutBool(keyTemporary, true)
	}
	if op.Anonymous {
		m.PutBool(keyAnonymous, true)
	}
	put(m, keySubscription, op.Subscription)
	put(m, keyPartition, op.Partition)
	put(m, keyGroup, op.Group)
	put(m, keyClientID, op.ClientID)
	put(m, keyRoutingKey, op.RoutingKey)
	if r.cfg.MessageIDs {
		put(m, keyMessageID, op.MessageID)
		put(m, keyConversationID, op.ConversationID)
	}
	if op.BodySize >= 0 {
		m.PutInt(keyBodySize, op.BodySize)
	}
	if op.EnvelopeSize >= 0 {
		m.PutInt(keyEnvelopeSize, op.EnvelopeSize)
	}
	if op.DeliveryTag > 0 {
		m.PutInt(keyDeliveryTag, int64(op.DeliveryTag))
	}
	if op.HasOffset {
		m.PutInt(keyOffset, op.Offset)
	}
	if op.Batch {
		m.PutInt(keyBatch, int64(op.Messages))
	}
	if op.ErrorType != "" {
		m.PutStr(keyErrorType, op.ErrorType)
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	if c.ServerAddress != "" {
		m.PutStr(keyServerAddress, c.ServerAddress)
		m.PutInt(keyServerPort, int64(c.ServerPort))
	}
	if c.RemoteAddress != "" {
		m.PutStr(keyPeerAddress, c.RemoteAddress)
		m.PutInt(keyPeerPort, int64(c.RemotePort))
		if c.Role == stream.Server {
			m.PutStr(keyClientAddress, c.RemoteAddress)
		}
	}
	if c.Unix {
		m.PutStr(keyTransport, "unix")
	}
	c.PutTLS(m)
	for i := range op.Links {
		link(span, &op.Links[i])
	}
}

// kind: a send is the creation of its message unless that carries the context of
// another span ("Span kind" of the messaging spans).
func kind(c *Conn, op *Operation) ptrace.SpanKind {
	switch {
	case c.Role == stream.Server:
		return ptrace.SpanKindServer
	case op.Type == Process:
		return ptrace.SpanKindConsumer
	case op.Type == Send && !op.Remote.Valid && len(op.Links) == 0:
		return ptrace.SpanKindProducer
	default:
		return ptrace.SpanKindClient
	}
}

// link names the creation of one message of a batch.
func link(span ptrace.Span, r *tracing.Remote) {
	if !r.Valid {
		return
	}
	l := span.Links().AppendEmpty()
	l.SetTraceID(r.TraceID)
	l.SetSpanID(r.SpanID)
	l.TraceState().FromRaw(string(r.State))
	flags := uint32(tracing.FlagHasWhere | tracing.FlagIsRemote)
	if r.Decided == tracing.Keep {
		flags |= tracing.FlagSampled
	}
	l.SetFlags(flags)
}

func put(m pcommon.Map, key, value string) {
	if value != "" {
		m.PutStr(key, value)
	}
}

// nameKey is what a span name is made of.
type nameKey struct {
	operation, target string
	port              uint16 // with an address as the target
}

// maxNames bounds the names that are remembered.
const maxNames = 1024

// spanName is the operation and its destination ("Span name" of the messaging spans).
func (r *recorder) spanName(c *Conn, op *Operation) string {
	k := nameKey{operation: op.Name}
	switch {
	case op.Template != "":
		k.target = op.Template
	case op.Temporary || op.Anonymous:
	case op.Destination != "":
		k.target = op.Destination
	case c.ServerAddress != "":
		k.target, k.port = c.ServerAddress, c.ServerPort
	}
	name, ok := r.names[k]
	if !ok {
		name = k.String()
		if len(r.names) >= maxNames {
			clear(r.names)
		}
		r.names[k] = name
	}
	return name
}

func (k nameKey) String() string {
	name := k.operation
	if k.target != "" {
		name += " " + k.target
	}
	if k.port != 0 {
		name += ":" + strconv.Itoa(int(k.port))
	}
	return name
}

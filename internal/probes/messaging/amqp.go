// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"bytes"
	"strconv"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/amqp"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// amqpAdapter makes operations of the messages of AMQP 0-9-1, by the conventions for RabbitMQ.
type amqpAdapter struct {
	recorder *recorder
	parsers  *amqp.Config
	op       Operation // for the call at hand
	text     []byte
}

func newAMQP(r *recorder) *amqpAdapter {
	return &amqpAdapter{recorder: r, parsers: amqp.NewConfig(amqp.Options{})}
}

func (a *amqpAdapter) protocol() stream.Protocol {
	return &protocol[amqp.Message]{
		recorder:  a.recorder,
		kind:      stream.ProtoAMQP,
		newParser: func(emit func(*amqp.Message)) segment.Parser { return a.parsers.NewParser(emit) },
		recognize: amqp.Recognize,
		emit:      a.emit,
	}
}

var (
	amqpGenerated = []byte("amq.gen-")              // names of queues that the server chose
	amqpReplies   = []byte("amq.rabbitmq.reply-to") // where a client gets replies without a queue
)

// emit takes one message. in is valid only during the call.
func (a *amqpAdapter) emit(c *Conn, in *amqp.Message) {
	strings := a.recorder.strings
	a.op = Operation{
		System: "rabbitmq", Messages: 1,
		RoutingKey: strings.Str(in.RoutingKey),
		MessageID:  strings.Str(in.MessageID), ConversationID: strings.Str(in.CorrelationID),
		BodySize: in.Size, EnvelopeSize: -1,
		Message: in.Tag, ResponseTID: in.ResponseTID,
	}
	op := &a.op
	op.SetTimes(in.Start, in.End)
	switch in.Kind {
	case amqp.Publish:
		op.Name, op.Type = "publish", Send
	case amqp.Deliver:
		op.Name, op.Type, op.DeliveryTag = "deliver", Process, in.DeliveryTag
	case amqp.Get:
		op.Name, op.Type, op.DeliveryTag = "get", Receive, in.DeliveryTag
	}
	op.Destination = a.destination(in)
	for _, name := range [][]byte{in.Queue, in.RoutingKey} {
		op.Anonymous = op.Anonymous || bytes.HasPrefix(name, amqpGenerated)
		op.Temporary = op.Temporary || bytes.HasPrefix(name, amqpReplies)
	}
	switch in.Outcome {
	case amqp.Refused:
		op.ErrorType = "nack"
	case amqp.Failed:
		op.ErrorType = strconv.Itoa(int(in.Code))
	case amqp.NoConfirm:
		op.ErrorType = cutError(in.Reason)
	case amqp.Empty:
		op.Messages, op.BodySize = 0, -1
	}
	if in.Traceparent != nil && op.Remote.Traceparent(in.Traceparent) && tracing.ValidTracestate(in.Tracestate) {
		op.Remote.State = in.Tracestate
	}
	a.recorder.record(c, op)
}

// destination joins what is there of exchange, routing key and, of consumers, queue, which
// mostly is the routing key of the default exchange.
func (a *amqpAdapter) destination(in *amqp.Message) string {
	a.text = append(a.text[:0], in.Exchange...)
	add := func(part []byte) {
		if len(part) == 0 {
			return
		}
		if len(a.text) > 0 {
			a.text = append(a.text, ':')
		}
		a.text = append(a.text, part...)
	}
	add(in.RoutingKey)
	if !bytes.Equal(in.Queue, in.RoutingKey) {
		add(in.Queue)
	}
	if len(a.text) == 0 && in.Kind == amqp.Publish {
		return "amq.default"
	}
	return a.recorder.strings.Str(a.text)
}

func (a *amqpAdapter) addLost(lost *[probe.NumCauses]uint64) {
	st := a.parsers.Stats()
	lost[probe.Truncated] += st.DropCut + st.DropHiddenDeliveries + st.DropHiddenPublishes
	lost[probe.Unmatched] += st.DropEnded
	lost[probe.Overflow] += st.DropOverflow
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"bytes"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/nats"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// natsAdapter makes operations of NATS's messages.
type natsAdapter struct {
	recorder *recorder
	parsers  *nats.Config
	op       Operation // for the call at hand
}

func newNATS(r *recorder) *natsAdapter {
	return &natsAdapter{recorder: r, parsers: nats.NewConfig(nats.Options{})}
}

func (a *natsAdapter) protocol() stream.Protocol {
	return &protocol[nats.Message]{
		recorder:  a.recorder,
		kind:      stream.ProtoNATS,
		newParser: func(emit func(*nats.Message)) segment.Parser { return a.parsers.NewParser(emit) },
		recognize: nats.Recognize,
		emit:      a.emit,
		holes:     true,
	}
}

// Subjects of NATS's own.
var (
	natsInbox = []byte("_INBOX.")  // where clients get replies
	natsAck   = []byte("$JS.ACK.") // where consumers of JetStream acknowledge
)

// emit takes one message. in is valid only during the call.
func (a *natsAdapter) emit(c *Conn, in *nats.Message) {
	// A message of the server's own is none of a producer, but for that nobody is there to answer.
	if in.Status != nil && string(in.Status) != "503" {
		a.recorder.filter()
		return
	}
	strings := a.recorder.strings
	a.op = Operation{
		System: "nats", Name: "publish", Type: Send,
		Destination: strings.Str(in.Subject), Messages: 1,
		MessageID: strings.Str(in.ID), Group: strings.Str(in.Queue),
		BodySize: in.Size, EnvelopeSize: -1,
		Message: in.Tag, ResponseTID: in.Tag.TID,
	}
	op := &a.op
	op.SetTimes(in.Start, in.End)
	if in.HeaderSize > 0 {
		op.EnvelopeSize = in.Size + in.HeaderSize
	}
	if in.Kind == nats.Deliver {
		op.Name, op.Type = "deliver", Process
		if bytes.ContainsAny(in.Subscription, "*>") {
			op.Template = strings.Str(in.Subscription)
		}
		if in.Status != nil {
			op.ErrorType = strings.Str(in.Status)
		}
	} else if bytes.HasPrefix(in.Subject, natsAck) {
		op.Name, op.Type = "ack", Settle
	}
	if bytes.HasPrefix(in.Subject, natsInbox) {
		op.Temporary, op.Template = true, ""
	}
	if in.Traceparent != nil && op.Remote.Traceparent(in.Traceparent) && tracing.ValidTracestate(in.Tracestate) {
		op.Remote.State = in.Tracestate
	}
	a.recorder.record(c, op)
}

func (a *natsAdapter) addLost(lost *[probe.NumCauses]uint64) {
	st := a.parsers.Stats()
	lost[probe.Truncated] += st.DropCut + st.HiddenMessages
	lost[probe.Undecodable] += st.DropUndecodable
	lost[probe.Unmatched] += st.DropEnded
}

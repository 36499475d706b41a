// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"strconv"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/mqtt"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// mqttAdapter makes operations of MQTT's messages.
type mqttAdapter struct {
	recorder *recorder
	parsers  *mqtt.Config
	op       Operation // for the call at hand
}

func newMQTT(r *recorder) *mqttAdapter {
	return &mqttAdapter{recorder: r, parsers: mqtt.NewConfig(mqtt.Options{})}
}

func (a *mqttAdapter) protocol() stream.Protocol {
	return &protocol[mqtt.Message]{
		recorder:  a.recorder,
		kind:      stream.ProtoMQTT,
		newParser: func(emit func(*mqtt.Message)) segment.Parser { return a.parsers.NewParser(emit) },
		recognize: mqtt.Recognize,
		emit:      a.emit,
	}
}

// emit takes one message. in is valid only during the call.
func (a *mqttAdapter) emit(c *Conn, in *mqtt.Message) {
	strings := a.recorder.strings
	a.op = Operation{
		System: "mqtt", Name: "publish", Type: Send,
		Destination: strings.Str(in.Topic), Template: strings.Str(in.Filter), Group: strings.Str(in.Group),
		Messages: 1, BodySize: in.Size, EnvelopeSize: -1,
		Message: in.Tag, ResponseTID: in.ResponseTID,
	}
	op := &a.op
	op.SetTimes(in.Start, in.End)
	if in.Kind == mqtt.Deliver {
		op.Name, op.Type = "deliver", Process
	}
	switch in.Outcome {
	case mqtt.Refused:
		op.ErrorType = strconv.Itoa(int(in.Code))
	case mqtt.NoAnswer:
		op.ErrorType = cutError(in.Reason)
	}
	if in.Traceparent != nil && op.Remote.Traceparent(in.Traceparent) && tracing.ValidTracestate(in.Tracestate) {
		op.Remote.State = in.Tracestate
	}
	a.recorder.record(c, op)
}

func (a *mqttAdapter) addLost(lost *[probe.NumCauses]uint64) {
	st := a.parsers.Stats()
	lost[probe.Truncated] += st.Gaps // each hides a message at least
	lost[probe.Unmatched] += st.DropEnded
}

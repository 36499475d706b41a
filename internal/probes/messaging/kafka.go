// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"strconv"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/kafka"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// kafkaAdapter makes operations of Kafka's requests.
type kafkaAdapter struct {
	recorder *recorder
	parsers  *kafka.Config
	conns    protocol[kafka.Exchange]
	op       Operation // for the call at hand
}

func newKafka(r *recorder) *kafkaAdapter {
	a := &kafkaAdapter{recorder: r, parsers: kafka.NewConfig(kafka.Options{TraceContext: r.traces})}
	a.conns = protocol[kafka.Exchange]{
		recorder:  r,
		kind:      stream.ProtoKafka,
		newParser: func(emit func(*kafka.Exchange)) segment.Parser { return a.parsers.NewParser(emit) },
		recognize: kafka.Recognize,
		emit:      a.emit,
		orphans:   &a.parsers.Stats().OrphanResponses,
	}
	return a
}

func (a *kafkaAdapter) protocol() stream.Protocol { return &a.conns }

// emit takes one request with its response. in is valid only during the call.
func (a *kafkaAdapter) emit(c *Conn, in *kafka.Exchange) {
	strings := a.recorder.strings
	op := &a.op
	*op = Operation{
		System: "kafka", ClientID: strings.Str(in.ClientID), Group: strings.Str(in.Group),
		BodySize: -1, EnvelopeSize: -1, ErrorType: kafka.ErrorName(in.Error),
		Message: in.RequestTag, ResponseTID: in.ResponseTag.TID,
		Links: op.Links[:0], Shares: op.Shares[:0],
	}
	op.SetTimes(in.RequestStart, in.End)
	messages := a.destinations(in)
	switch in.API {
	case kafka.Produce:
		op.Name, op.Type = "send", Send
		// Where the kind of acknowledgement was not seen, there may be none.
		if in.Outcome == kafka.NoResponse && in.AcksKnown || in.Outcome == kafka.ResponseCut {
			op.ErrorType = cutError(in.Reason)
		}
	case kafka.Fetch:
		op.Name, op.Type = "poll", Receive
		if in.Outcome == kafka.ResponseCut || in.Outcome == kafka.NoResponse && in.Reason == segment.CloseReset {
			op.ErrorType = cutError(in.Reason)
		}
		empty := messages == 0 && in.ErrorKnown || in.Outcome == kafka.NoResponse
		if in.Follower || empty && op.ErrorType == "" && !a.recorder.cfg.EmptyPolls {
			a.recorder.filter()
			return
		}
	case kafka.OffsetCommit:
		op.Name, op.Type = "commit", Settle
	default:
		a.recorder.filter()
		return
	}
	if messages >= 0 {
		op.Messages = messages
		op.Batch = messages != 1
	}
	a.contexts(in)
	a.recorder.record(c, op)
}

// destinations tells what the exchange did with which topics, and the number of messages of
// all, -1 when that is not known.
func (a *kafkaAdapter) destinations(in *kafka.Exchange) (messages int) {
	op := &a.op
	used := 0
	var one *kafka.Topic
	for i := range in.Topics {
		t := &in.Topics[i]
		if t.Messages < 0 || messages < 0 {
			messages = -1
		} else {
			messages += int(t.Messages)
		}
		if in.API == kafka.Fetch && t.Partitions == 0 && len(in.Topics) > 1 {
			continue // it brought nothing
		}
		used++
		one = t
	}
	if in.TopicsCut || in.API == kafka.Fetch && !in.ErrorKnown {
		messages = -1
	}
	switch {
	case used == 1 && !in.TopicsCut:
		op.Destination = a.recorder.strings.Str(one.Name)
		if one.Partitions == 1 {
			op.Partition = strconv.Itoa(int(one.Partition)) // does not allocate below 100
			op.Offset, op.HasOffset = one.Offset, one.Offset >= 0 && messages == 1
		}
		if messages < 0 && one.Messages > 0 { // it is no less
			op.Shares = append(op.Shares, Share{op.Destination, op.Partition, int(one.Messages)})
		}
	case used > 0:
		for i := range in.Topics {
			if t := &in.Topics[i]; t.Messages > 0 {
				op.Shares = append(op.Shares, Share{Destination: a.recorder.strings.Str(t.Name), Messages: int(t.Messages)})
			}
		}
	}
	return messages
}

// contexts takes the trace context of the only message, or those of a batch.
func (a *kafkaAdapter) contexts(in *kafka.Exchange) {
	op := &a.op
	for i := range in.Contexts {
		x := &in.Contexts[i]
		var r tracing.Remote
		switch {
		case x.Traceparent != nil && r.Traceparent(x.Traceparent):
			if tracing.ValidTracestate(x.Tracestate) {
				r.State = x.Tracestate
			}
		case x.B3 != nil:
			r.B3(x.B3)
		}
		if !r.Valid {
			continue
		}
		if op.Messages == 1 {
			op.Remote = r
			return
		}
		op.Links = append(op.Links, r)
	}
}

func (a *kafkaAdapter) addLost(lost *[probe.NumCauses]uint64) {
	st := a.parsers.Stats()
	lost[probe.Overflow] += st.DropOverflow
	lost[probe.Truncated] += st.DropCut + st.DropNoStatus
	lost[probe.Unmatched] += st.OrphanResponses - a.conns.answeredLost
	lost[probe.Undecodable] += st.UndecodableRequests
}

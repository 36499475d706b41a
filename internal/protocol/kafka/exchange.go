// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import "github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"

// Outcome says how much of an exchange was seen.
type Outcome uint8

const (
	// Complete: the response ended as its size says.
	Complete Outcome = iota
	// NoReply: a Produce request with acks=0, to which there is no response.
	NoReply
	// NoResponse: the connection ended before a byte of the response.
	NoResponse
	// ResponseCut: the connection ended in the middle of the response.
	ResponseCut
	// Truncated: the response's end was in a hole.
	Truncated
)

func (o Outcome) String() string {
	switch o {
	case Complete:
		return "complete"
	case NoReply:
		return "no reply"
	case NoResponse:
		return "no response"
	case ResponseCut:
		return "response cut"
	case Truncated:
		return "truncated"
	}
	return "unknown"
}

// Topic is what an exchange did with one topic. Of Produce and OffsetCommit the topics are
// those of the request, of Fetch those of the response.
type Topic struct {
	// Name is nil when the exchange names the topic by an id whose name is not known.
	Name []byte
	// ID is zero when the exchange names the topic by its name.
	ID [16]byte
	// Partitions is how many of its partitions were named; of Fetch, how many brought records
	// or an error. Partition is the first of them, -1 without any.
	Partitions, Partition int32
	// Messages is how many records the batches hold, -1 when not exactly known: a hole took a
	// batch's header, or a batch of format v0 or v1 is compressed. Control batches do not
	// count, nor does a batch that the broker cut off at the end.
	Messages int64
	// Bytes is the size of the record batches.
	Bytes int64
	// Offset is that of the first record: the response's base offset of Produce, that of the
	// first batch of Fetch. -1 when not known.
	Offset int64
	// Error is the first error code of its partitions, 0 for none.
	Error int16
}

// Context is the trace context of one or more records, as sent.
type Context struct {
	Traceparent, Tracestate, B3 []byte
}

// Exchange is one request with its response. It and its slices are valid only during the
// emit call.
type Exchange struct {
	API     API
	Version int16
	// CorrelationID is the client's.
	CorrelationID int32
	// ClientID is nil when it was null, or not seen, or longer than 255 bytes.
	ClientID []byte
	// Group is the consumer group of OffsetCommit.
	Group []byte
	// Acks of Produce: -1 for all in-sync replicas, 1, or 0. Valid when AcksKnown.
	Acks      int16
	AcksKnown bool
	// Follower: a Fetch by another broker, not by a consumer.
	Follower bool

	Topics []Topic
	// TopicsCut: there may be more topics or partitions than Topics tells.
	TopicsCut bool
	// Contexts are the different trace contexts of the records.
	Contexts []Context
	// Carried is how many records carry one of Contexts, of how many Records that were looked
	// into. Compressed records are not.
	Carried, Records int64
	// ContextsCut: there were more records, whose headers were not seen.
	ContextsCut bool

	// Error is the first error code in the response, 0 for none. ErrorKnown tells that the
	// response was read to its end or shows an error; only those of Produce, Fetch and
	// OffsetCommit are read.
	Error      int16
	ErrorKnown bool

	// RequestSize and ResponseSize count all bytes of the messages, -1 when not known.
	RequestSize, ResponseSize int64

	// Kernel times, ns, 0 when unknown.
	RequestStart, RequestEnd, ResponseStart, ResponseEnd uint64
	// End is ResponseEnd when that is known, RequestEnd of what has no response, else the
	// close or the last byte seen before the exchange was given up.
	End uint64

	RequestTag, ResponseTag segment.Tag

	Outcome Outcome
	Reason  segment.CloseReason // set when the exchange was ended by the connection's end
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package kafka turns the two byte directions of one TCP connection into exchanges of the
// Kafka protocol (https://kafka.apache.org/protocol, Kafka 4.1): each request with its
// response. It is pure: no I/O, no clock, no goroutine. It is the sibling of http1 and is
// used in the same way.
//
// Of all APIs the header is read; of Produce, Fetch and OffsetCommit also the topics, errors,
// record batches and the trace context in the records' headers (message formats v0 to v2), in
// all versions, flexible or not (KIP-482). Compressed batches are opaque: their header says how
// many records they hold. Keys, values, transactional and member ids, and what SaslAuthenticate
// carries are skipped by count and never copied, also the raw tokens that follow version 0 of
// SaslHandshake. A capture may leave the tokens out: what is missing there is no loss.
//
// A capture copies only prefixes of segments, so the stream has holes of known length. Each
// message begins with its size, so a hole inside one costs only what stood there: what is then
// not known is absent ([Exchange.TopicsCut], Messages of -1). A hole that hides a boundary ends
// the framing of its direction until a segment starts with a plausible request header, or with
// the correlation id of a waiting request.
//
// # Pairing
//
// A response carries the correlation id of its request, and responses come in the order of
// requests. So a response proves of all requests before its own that theirs passed unseen,
// unless they are Produce requests with acks=0, which have none.
//
// # Topic ids
//
// Newer versions name topics by id (KIP-516). Names are those that a Metadata response told on
// any connection of the same [Config]: ids are unique everywhere. An id without a known name is
// handed on as it is.
//
// # Conservation
//
// Every request whose header began to be read is counted once in [Stats.Requests] and ends
// in exactly one place: an emitted exchange ([Stats.Exchanges]), one of the Drop counters,
// or, while its connection lives, the queue ([Parser.Pending]):
//
//	Requests = Exchanges + Drops() + Σ Pending()
//
// After Close nothing is pending. A request hidden in a hole was never seen; its response is
// counted in [Stats.OrphanResponses].
package kafka

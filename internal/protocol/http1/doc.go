// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package http1 turns the two byte directions of one TCP connection into HTTP/1.0 and
// HTTP/1.1 exchanges (RFC 9110, RFC 9112). It is pure: no I/O, no clock, no goroutine.
//
// A capture copies only prefixes of segments, so the stream has holes of known length.
// Bodies are skipped by count and never copied; a hole inside a body of known length
// costs nothing. Where a hole takes the framing, a message is ended by what the wire
// still proves: the final chunk in [Segment.Last], the next request on a segment start
// after response bytes (a turn-around), or the end of the connection. What cannot be
// known is absent from the [Exchange]; it is never guessed.
//
// # Conservation
//
// Every request whose start was recognised is counted once in [Stats.Requests] and ends
// in exactly one place: an emitted exchange ([Stats.Exchanges]), one of the Drop counters,
// or, while its connection lives, the queue ([Parser.Pending]):
//
//	Requests = Exchanges + Drops() + Σ Pending()
//
// After Close nothing is pending. A request hidden in a hole was never seen; its response
// is, as a rule, counted in [Stats.OrphanResponses].
//
// # Ambiguity
//
// Responses carry no reference to their request, only their order. When a hole may have
// hidden a request or a response while others are outstanding (pipelining), pairing would
// be a guess: those requests are dropped and counted. Pairing starts anew at a turn-around
// with nothing outstanding, the one assumption made: such a client has its answers.
package http1

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package mongodb turns the two byte directions of one connection into MongoDB
// commands: OP_MSG with its sections, OP_COMPRESSED, whose content stays unread, and the
// legacy OP_QUERY and OP_REPLY that handshakes still use ("MongoDB Wire Protocol" of its
// documentation; bsonspec.org). It is pure: no I/O, no clock, no goroutine.
//
// A capture copies only prefixes of segments, so the stream has holes of known length.
// Messages, sections and BSON values carry their lengths: what is not looked at is passed
// over by count and never copied, and a hole inside it costs nothing. A hole that hides the
// beginning of a message ends what can be told of that direction until a segment that
// begins with a header. What cannot be known is absent from the [Exchange]; it is never
// guessed.
//
// # Conservation
//
// Every request whose header was seen is counted once in [Stats.Requests] and ends in
// exactly one place: an emitted exchange ([Stats.Exchanges]), one of the Drop counters, or,
// while its connection lives, the queue ([Parser.Pending]):
//
//	Requests = Exchanges + Drops() + Σ Pending()
//
// After Close nothing is pending.
//
// # Pairing
//
// A response names its request. A server answers the requests of a connection in their
// order, so those before the one that is answered had no response (moreToCome in a
// compressed message), or one that passed unseen: these are dropped and counted.
// A response with moreToCome ends its exchange; those that follow it without a request
// are counted in [Stats.StreamedResponses].
//
// # Secrets
//
// Nothing is kept of a message but the fields that an [Exchange] has. Credentials stand
// in none of these.
package mongodb

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package nats turns the two byte directions of one TCP connection between a NATS client
// and its server into messages: what the client published and what the server delivered
// to it. It is pure: no I/O, no clock, no goroutine. The protocol is that of
// https://docs.nats.io/reference/reference-protocols/nats-protocol.
//
// Neither PUB nor MSG has an answer, so a message is an event of its own: it begins with
// the first byte of its control line and ends with the last byte of its payload. What
// JetStream and request-reply build on that are messages too.
//
// A capture copies only prefixes of segments, so the stream has holes of known length.
// Payloads are skipped by count and never copied; a hole inside one costs nothing. A hole
// that hides a boundary ends what can be told until the next control line that is whole
// and valid, at a segment's start or behind a CRLF, and whose payload, as far as it was
// captured, is followed by another one.
//
// # Conservation
//
// Every message of which the verb was seen is counted once in [Stats.Messages] and ends in
// exactly one place:
//
//	Messages = Emitted + Drops() + Σ Pending()
//
// After Close nothing is pending. Messages inside a hole were never seen. The protocol numbers
// none, so [Stats.HiddenMessages] is what the bytes between the messages around the hole make
// at the mean size of those before it: exact for messages of one size, else an estimate.
//
// # Secrets
//
// CONNECT carries passwords, tokens and signatures. It is skipped up to its end of line and
// no byte behind the verb is kept. Of headers only the trace context and the message's
// ID are handed on.
package nats

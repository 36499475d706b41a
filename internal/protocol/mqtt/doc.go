// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package mqtt turns the two byte directions of one TCP connection of MQTT 3.1, 3.1.1 and 5.0
// into messages: what a client published and what the server delivered to it. It is pure: no
// I/O, no clock, no goroutine. The protocol is that of the OASIS standards
// https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/ and https://docs.oasis-open.org/mqtt/mqtt/v5.0/.
//
// A publish of QoS 0 has no answer and ends with its last byte. One of QoS 1 waits for its
// PUBACK, one of QoS 2 for its PUBCOMP, or for a PUBREC that refuses it; packet identifiers
// tell which. A delivery ends with its last byte.
//
// Whether a PUBLISH has properties depends on the version, which CONNECT says, and the length of
// CONNACK: 2 up to 3.1.1, more in 5.0. On a connection joined later it is not known, and neither
// are trace context and the size of the body.
//
// A capture copies only prefixes of segments, so the stream has holes of known length. Payloads
// are skipped by count and never copied; a hole inside one costs nothing. A hole that hides a
// boundary ends what can be told until a segment begins with a valid packet, or a chain of whole
// ones is found.
//
// # Conservation
//
// Every PUBLISH whose topic was seen is counted once in [Stats.Messages] and ends in exactly one
// place:
//
//	Messages = Emitted + Drops() + Σ Pending()
//
// After Close nothing is pending. Messages inside a hole were never seen: their bytes are in
// [Stats.GapBytes].
//
// # Secrets
//
// CONNECT and AUTH carry passwords. They are skipped by count; of CONNECT no byte behind the
// protocol's version is kept. Of a message's properties only the trace context is handed on.
package mqtt

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package messaging is the Instrument "messaging": spans and metrics of messages, of
// producers, consumers and brokers, by the messaging semantic conventions of
// OpenTelemetry. It has no BPF program: the Daemon "socket" hands it the bytes of
// connections, packages under protocol find the messages in them.
//
// # Operations
//
// What a dissector finds is an [Operation] that begins with its first byte on the wire.
//
// A publish (type send) ends with the confirmation that its protocol has for it: a
// confirm, a PUBACK, a response. Where there is none, or none was asked for, it is an
// event without an answer and ends with the message's last byte: its duration is the
// time that the message took to pass, nothing is known of its fate, and it never fails.
//
// A delivery (type process) is a message that the broker pushes. It ends with the
// message's last byte: what the consumer does with it then cannot be seen, so there is no
// messaging.process.duration. A message that the consumer asked for (type receive) begins
// with the request and ends with the response.
//
// Settlements, as acknowledgements of consumers, are filtered.
//
// Of Kafka each Produce request is an operation ("send") and each Fetch ("poll"), whatever
// number of messages it has. Where it has several topics, its destination is not told, but
// the metrics count the messages of each.
//
// # Sides
//
// The conventions describe producers and consumers. The broker's spans have the same
// attributes and the kind SERVER; its metrics have names of our own, so that a message is
// not counted twice where both ends are observed.
//
// # Traces
//
// A message that carries a trace context is a child of it at both ends, and a batch links to
// the contexts of its messages. Otherwise what a consumer gets is a child of what its
// broker delivered on the same connection, if both are observed; a publish is a child of
// the request that its thread serves.
//
// # Account
//
// The unit is the operation: seen = delivered + sampled out + filtered + lost by cause +
// held. Held ones wait for their parent, see package correlate. Messages in bytes
// that were not captured were not seen, unless their protocol numbers them.
package messaging

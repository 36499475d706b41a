// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package amqp turns the two byte directions of one TCP connection of AMQP 0-9-1, with the
// extensions of RabbitMQ, into messages: what a client published, what the server delivered
// to it, and what it got by asking. It is pure: no I/O, no clock, no goroutine. The protocol
// is that of https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf and of
// https://www.rabbitmq.com/docs/specification.
//
// A publish has no answer, unless its channel is in confirm mode: then it waits for the
// server's ack or nack of its number. Numbers begin where confirm.select was seen, and are not
// known on channels that were joined late: their publishes end with their last byte.
//
// A capture copies only prefixes of segments, so the stream has holes of known length. Bodies
// are skipped by count and never copied. The frames of one body have one length but the last,
// so a hole may go over their boundaries: the next frame-end that was captured proves or
// disproves it. A hole that hides another boundary ends what can be told until the next whole
// method frame, at a segment's start or behind a frame-end; messages under way are then emitted
// with what is known.
//
// # Conservation
//
// Every message is counted once in [Stats.Messages] and ends in exactly one place:
//
//	Messages = Emitted + Drops() + Σ Pending()
//
// After Close nothing is pending. Messages whose frames were not seen count where numbers tell
// of them: delivery tags, and confirms. Others inside a hole are only in [Stats.GapBytes].
//
// # Secrets
//
// Connection.start-ok, secure-ok and update-secret carry passwords and tokens. They are skipped
// by count; no byte behind their method ID is kept. Of a message's headers only the trace
// context is handed on.
package amqp

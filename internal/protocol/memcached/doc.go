// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package memcached turns the two byte directions of one TCP connection into memcached
// operations, in the text protocol with its meta commands (doc/protocol.txt of memcached)
// and in the binary protocol (protocol_binary.h). It is pure: no I/O, no clock, no goroutine.
//
// A capture copies only prefixes of segments, so the stream has holes of known length.
// Values are skipped by count and never copied; a hole inside one costs nothing. A hole
// that hides a boundary ends what can be told until a turn-around: a command on a segment
// start, after bytes of the server, with nothing outstanding. What cannot be known is
// absent from the [Exchange]; it is never guessed.
//
// # Conservation
//
// Every command whose name (or binary header) was seen is counted once in [Stats.Requests]
// and ends in exactly one place: an emitted exchange ([Stats.Exchanges]), one of the Drop
// counters, or, while its connection lives, the queue ([Parser.Pending]):
//
//	Requests = Exchanges + Drops() + Σ Pending()
//
// After Close nothing is pending.
//
// # Pairing
//
// Responses come in order. A quiet command (binary GETQ and its like, meta commands with
// the flag q) may have none: the next response that cannot be its own shows that it was
// suppressed. Responses are told apart by the opaque value, the key and the type. Where
// several quiet commands could have caused one, their statuses are not known. Where it
// may also be that of the command behind them, all are dropped and counted.
//
// Values, keys (unless wanted) and the payload of authentication are skipped by count and
// never copied.
package memcached

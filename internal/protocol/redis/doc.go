// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package redis turns the two byte directions of one TCP connection into the operations
// of a Redis or Valkey client: commands and their replies in RESP2 and RESP3. It is pure:
// no I/O, no clock, no goroutine. The protocol is that of
// https://redis.io/docs/latest/develop/reference/protocol-spec/.
//
// A capture copies only prefixes of segments, so the stream has holes of known length.
// Strings are skipped by count and never copied; a hole inside one costs nothing. A hole
// that hides a boundary ends what can be told until a turn-around: a command on a segment
// start, after bytes of the server, with nothing outstanding. What cannot be known is
// absent from the [Exchange]; it is never guessed.
//
// # Conservation
//
// Every command whose name was seen is counted once in [Stats.Requests] and ends in exactly
// one place: an emitted exchange ([Stats.Exchanges]), one of the Drop counters, or, while
// its connection lives, the queue ([Parser.Pending]):
//
//	Requests = Exchanges + Drops() + Σ Pending()
//
// After Close nothing is pending.
//
// # Pairing
//
// Replies carry no reference to their command, only their order. Commands without a reply
// (CLIENT REPLY OFF and SKIP) and messages without a command (pub/sub, invalidations) are
// told apart. Where a hole may have hidden either side while commands are outstanding, these
// are dropped and counted. A reply whose type its command cannot have proves a wrong
// pairing ([Stats.Mismatches]) and is treated like such a hole.
//
// A command queued by MULTI is an operation; its result is its element of EXEC's reply.
//
// # Secrets
//
// Of a command's arguments only these are looked at: sub-commands, the index of SELECT, the
// digest or name of a stored script, counts of keys and, if wanted, keys. All others, so
// those of AUTH, HELLO and ACL SETUSER, are skipped by count and never copied.
package redis

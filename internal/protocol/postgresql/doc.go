// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package postgresql turns the two byte directions of one TCP connection into the
// operations of the PostgreSQL frontend/backend protocol, versions 3.0 and 3.2
// (PostgreSQL documentation, chapter "Frontend/Backend Protocol"). It is pure: no I/O, no
// clock, no goroutine.
//
// # Operations
//
// One [Exchange] is one Query message with all its results, one FunctionCall, or one unit of
// the extended protocol: the steps Parse, Bind and Describe of one statement that lead to an
// Execute, and that Execute. Steps that lead to none (a Flush, a Sync or another statement
// comes first) are an exchange of their own, named by the first of Parse, Bind, Describe and
// Close among them. A Sync is an exchange only when the implicit commit in it failed.
// Startup, authentication, cancel requests, COPY data and Terminate are none; they are
// counted in [Stats] where that says something.
//
// # Holes
//
// A capture copies only prefixes of segments, so the stream has holes of known length.
// Messages tell their length: a hole inside one costs nothing. A hole that hides a message
// boundary of the backend (rows, as a rule) is bridged by the ReadyForQuery at the end of a
// segment, with the CommandComplete or ErrorResponse before it where that was captured, by
// a segment that starts with whole, valid messages, or by the frontend's next request.
// What cannot be known is absent from the Exchange; it is never guessed.
//
// # Conservation
//
// Every operation that was recognised is counted once in [Stats.Requests] and ends in
// exactly one place: an emitted exchange, one of the Drop counters, or, while its
// connection lives, the queue ([Parser.Pending]):
//
//	Requests = Exchanges + Drops() + Σ Pending()
//
// After Close nothing is pending. Pairing by order is in doubt when a hole may have hidden
// requests, or responses while several Syncs are outstanding. Such requests are dropped and
// counted until pairing starts anew, at a request on a segment start after ReadyForQuery
// with nothing outstanding: the one assumption made is that such a client has its answers.
//
// # Secrets
//
// Of the startup message only user and database are kept. Password, SASL and GSS messages and
// cancel keys are passed by count; no buffer holds them. Of a Bind that comes in pieces the
// beginning, in which the names stand, is held until it is whole, and with it may be parameter
// values; then it is overwritten. Query texts are handed on raw: sanitise them before they leave the process.
package postgresql

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package mysql turns the two byte directions of one TCP connection into the commands of the
// MySQL client/server protocol 4.1 and later, as MySQL and MariaDB speak it (MySQL Internals
// Manual, "Client/Server Protocol"; MariaDB Knowledge Base, "Client/Server Protocol"). It is
// pure: no I/O, no clock, no goroutine.
//
// One [Exchange] is one command with all its results. Commands that have no response
// (COM_STMT_CLOSE, COM_STMT_SEND_LONG_DATA, COM_QUIT) are emitted when they are seen. TLS, the
// compressed protocol and replication streams end the dissection ([Parser.Done]).
//
// # Holes
//
// A capture copies only prefixes of segments, so the stream has holes of known length.
// Packets tell their length: a hole inside one costs nothing. Where a hole hides a packet
// boundary of the response (rows, as a rule), the response ends with the next command on a
// segment start, or, when the last bytes look like the packet that ends rows, with silence
// ([Parser.Idle]). What cannot be known is absent from the Exchange; it is never guessed.
//
// # Conservation
//
// Every command that was recognised is counted once in [Stats.Requests] and ends in exactly
// one place: an emitted exchange, one of the Drop counters, or the queue ([Parser.Pending]):
//
//	Requests = Exchanges + Drops() + Σ Pending()
//
// After Close nothing is pending. Commands whose response cannot be told because a hole came
// while several were outstanding are dropped and counted, until a command on a segment start
// follows response bytes with nothing outstanding: the one assumption made is that such a
// client has its answers.
//
// # Secrets
//
// Of the login only the names of user and database are kept; it is read byte by byte and
// authentication data passes without being buffered. The capture of this receiver copies of a
// login only what stands before the user's name: the database's name stands behind the answer
// to the server's challenge, which must not leave the kernel. So [Exchange.Database] is known
// there from COM_INIT_DB on. Query texts are handed on raw: sanitise
// them before they leave the process.
package mysql

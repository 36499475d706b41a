// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package dns reads DNS messages (RFC 1035, with EDNS of RFC 6891 and the service bindings
// of RFC 9460) and pairs queries with their responses, over UDP and over TCP. It is pure: no
// I/O, no clock, no goroutine.
//
// A message of which only a prefix was captured tells what stands in the prefix. What cannot
// be known is absent from the [Exchange]; it is never guessed.
//
// # Datagrams
//
// [Pairs] holds the queries of any number of sockets until their responses come: those with
// the same ID and question between the same two ends. A client that sends a query again has
// made one exchange, which tells how often it did. A server has received two, and its
// responses belong to them in their order. A query without a response ends after a while.
// Where two threads share a socket a response may be seen before its query: it waits a
// moment for that.
//
// # Connections
//
// [Parser] follows one TCP connection (RFC 7766): messages behind their lengths, answered in
// any order. A transfer of a zone ends its exchange with its first message; those that follow
// are counted in [Stats.TransferMessages].
//
// # Conservation
//
// Every query is counted once in [Stats.Queries] and ends in exactly one place: an emitted
// exchange ([Stats.Exchanges]), an exchange that was there already ([Stats.Retransmissions]),
// one of the Drop counters, or, meanwhile, among those that wait:
//
//	Queries = Exchanges + Retransmissions + Drops() + Σ Pending()
package dns

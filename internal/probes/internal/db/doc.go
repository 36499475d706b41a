// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package db turns the exchanges of databases into spans and metrics by the
// database semantic conventions of OpenTelemetry, of clients and of servers. An
// Instrument brings a dissector and says what its exchanges mean, see [Protocol].
//
// # Servers
//
// The conventions describe calls of clients only. A server's span has the same
// attributes and the kind SERVER; its metric has a name of our own.
//
// # Account
//
// The unit is the exchange: seen = delivered + sampled out + filtered + lost by
// cause + held. Held ones wait for their parent, see package correlate. Filtered
// are messages that execute nothing, as one that only prepares a statement.
package db

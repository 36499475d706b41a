// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package http is the Instrument "http": spans and metrics of HTTP/1.0,
// HTTP/1.1 and HTTP/2 exchanges, of servers and clients, by the HTTP semantic
// conventions of OpenTelemetry, and of gRPC calls by those of RPC. It has no BPF
// program: the Daemon "socket" hands it the bytes of connections, packages http1
// and http2 find the exchanges in them.
//
// # HTTP/2
//
// Header fields are compressed with a table that both ends build up from the
// connection's beginning (RFC 7541). Of a connection joined later, or after bytes
// that were not captured, fields that refer to unknown entries cannot be read:
// their attributes are left out, and the exchange is counted as incomplete. A call
// is known by its content type; where that is not known it counts as HTTP.
//
// # Account
//
// The unit is the exchange: seen = delivered + sampled out + lost by cause +
// held. Held ones wait for their parent, see package correlate.
package http

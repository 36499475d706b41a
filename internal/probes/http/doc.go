// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package http is the Instrument "http": spans and metrics of HTTP/1.0 and
// HTTP/1.1 exchanges, of servers and clients, by the HTTP semantic conventions
// of OpenTelemetry. It has no BPF program: the Daemon "socket" hands it the
// bytes of connections, package http1 finds the exchanges in them.
//
// # Account
//
// The unit is the exchange: seen = delivered + sampled out + lost by cause +
// held. Held ones wait for their parent, see package correlate.
package http

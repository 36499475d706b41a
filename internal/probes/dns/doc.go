// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package dns is the Instrument "dns": spans and metrics of DNS queries, of clients and of
// servers, over UDP and over TCP.
//
// What goes over TCP comes from the Daemon "socket". Datagrams are seen by a program of its
// own, of which the port of the server is asked, not the content: DNS over other ports has
// to be configured. Multicast DNS is not observed, nor what is encrypted.
//
// # Conventions
//
// The semantic conventions have the metric dns.lookup.duration and the attributes
// dns.question.name and dns.answers. They have no spans, and nothing for servers: what is
// beyond them has names of our own.
//
// # Account
//
// The unit is the query: seen = delivered + sampled out + filtered + lost by cause + held.
// Filtered are those that a client sent again, which are one exchange with the first, and the
// messages of processes that turn out not to be selected.
package dns

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package memcached is the Instrument "memcached": spans and metrics of the commands
// of memcached, of clients and servers, in its text, meta and binary protocols, by the
// database semantic conventions of OpenTelemetry. It has no BPF program: the Daemon
// "socket" hands it the bytes of connections, package protocol/memcached finds the
// exchanges in them.
package memcached

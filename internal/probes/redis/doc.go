// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package redis is the Instrument "redis": spans and metrics of the commands of Redis
// and Valkey, of clients and servers, by the database semantic conventions of
// OpenTelemetry. It has no BPF program: the Daemon "socket" hands it the bytes of
// connections, package protocol/redis finds the exchanges in them.
//
// Each command is an operation of its own, also in pipelines and transactions.
// Commands that a transaction queued and did not execute are filtered.
package redis

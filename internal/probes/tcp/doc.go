// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package tcp is the Instrument "tcp": connections of processes, their bytes, retransmissions
// and round trips, aggregated in the kernel by process and other end; and the bytes and lost
// datagrams of UDP.
//
// # Account
//
// The unit is a connection, opened, accepted, failed or found, and of UDP a message that was
// sent or received, or a dropped datagram: seen = delivered + filtered + lost by cause. Lost are
// those that found no space, or of which it was not known whose they were when a connection
// ended or a datagram was dropped (unmatched). Where failed connections are told in records, too,
// those count once more, and are sampled out beyond the limit.
package tcp

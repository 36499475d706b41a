// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package tcp is the Instrument "tcp": connections of processes, their bytes, retransmissions
// and round trips, aggregated in the kernel by process and other end.
//
// # Account
//
// The unit is a connection, opened, accepted, failed or found: seen = delivered + filtered +
// lost by cause. Lost are those that found no space, or ended before it was known whose
// they were (unmatched).
package tcp

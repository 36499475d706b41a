// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package memory is the Instrument "memory": log records of processes that the out-of-memory
// killer chose; page faults, and time that threads waited for the kernel to free memory,
// aggregated in the kernel.
//
// # Account
//
// The units are page faults, waits and victims: seen = delivered + filtered + lost by cause.
package memory

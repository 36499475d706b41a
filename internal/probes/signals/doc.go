// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package signals is the Instrument "signals": a log record of each process that a signal
// ended, with who sent it, or the address of the fault.
//
// # Account
//
// The unit is a process that a signal ended: seen = delivered + filtered + lost by cause.
// Incomplete are those of which it is not known who sent the signal.
package signals

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package scheduler is the Instrument "scheduler": how long the threads of a process run, wait
// for a processor and are away, aggregated in the kernel.
//
// # Account
//
// The unit is a switch away from a thread: seen = delivered + filtered + lost by cause.
package scheduler

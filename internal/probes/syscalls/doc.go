// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package syscalls is the Instrument "syscalls": the system calls of processes, how long they
// take and with which errors they fail, aggregated in the kernel.
//
// # Account
//
// The unit is a system call that ended: seen = delivered + filtered + lost by cause. Incomplete
// are calls whose error did not fit.
package syscalls

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package filesystem is the Instrument "filesystem": how long processes read, write, open and
// sync files, aggregated in the kernel, and log records of operations that took long.
//
// # Account
//
// The units are system calls that may be of a file, and operations that are slow enough for a
// record: seen = delivered + sampled out + filtered + lost by cause. Filtered are calls that
// took less than the threshold, or that were of something else than a file or a directory.
package filesystem

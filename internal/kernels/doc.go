// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package kernels boots real kernels under QEMU, without KVM, and runs test
// binaries in them. fetch.sh beside it gets the kernels.
//
// A guest has no disk and no network: its initramfs holds the static test
// binaries, what they read, and an init that runs them and reports on the serial
// console.
package kernels

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package kernel makes a value of one Linux kernel: the running one, or one
// that is stored as a vmlinuz, a vmlinux, a BTF file or a directory of these.
//
// Both have the same interface. What only a running kernel knows (lockdown
// mode, capabilities, mounts, which programs it accepts) is unknown for a
// stored one, and every such answer says so instead of guessing.
package kernel

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package discovery is the Daemon that follows processes: it tells the kernel
// which ones are observed, and other probes who they are.
//
// Process IDs are those of the initial PID namespace. A collector in another
// one sees other numbers in /proc, so the Daemon refuses to load there.
package discovery

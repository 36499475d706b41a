// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package discovery knows processes: which ones the user selected, who they
// are in OpenTelemetry's terms, and when they begin and end. It reads /proc and
// touches no BPF; the Daemon of that name feeds it with what the kernel says.
package discovery

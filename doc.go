// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package ebpfreceiver is an OpenTelemetry Collector receiver that observes
// the processes of a Linux host through eBPF: it gives spans, metrics and logs
// of programs that are neither changed nor restarted.
//
// This package is the face of the receiver for builders of collectors. The
// configuration is described in the README, what a probe is in package
// [github.com/ebpfreceiver/ebpfreceiver/receiver/probe].
package ebpfreceiver

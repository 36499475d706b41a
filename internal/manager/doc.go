// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package manager runs the probes of one receiver. It orders them by what they
// depend on, loads of each the best variant that the kernel supports, attaches
// them, gives each its goroutine, and undoes everything in reverse.
//
// One goroutine, a loop, serves a probe that brings a BPF object together with
// the probes without an object that depend on it first. The loop reads the
// rings, calls the optional methods, and owns the batches of telemetry.
package manager

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package emit collects the telemetry of probes into pdata batches by resource
// and hands these to the pipelines.
//
// A [Batcher] belongs to one goroutine of the manager. It makes a
// [probe.Emitter] for each probe that this goroutine serves. Full batches go
// through a short queue to the one [Sender] of a receiver, which has a goroutine
// for each signal. While a pipeline refuses a batch, the Sender retries, its
// queue fills and Batcher.Flush blocks: the kernel's ring takes what comes
// meanwhile, and counts what it cannot take.
//
// # Order of the shutdown
//
// First [Sender.Interrupt], so that no goroutine stays blocked behind a
// pipeline that refuses; then the goroutines end, each with a last
// Batcher.Flush; then [Sender.Shutdown].
package emit

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package probe is the Probe API of the eBPF receiver: what a probe is, what
// it is given and what it may do. It imports nothing else of this module, so
// that a probe may live in any other module.
//
// There are two kinds of probe. An [Instrument] produces telemetry. A [Daemon]
// serves other probes: it follows processes or reads sockets, and those that
// depend on it share its maps. A Daemon is loaded only if a loaded probe needs
// it, once in a receiver.
//
// A probe is described by a [Factory]: its [Manifest] is pure data, its New
// makes a [Probe]. Load creates maps and programs, once; Attach is apart from
// it, may be called for many targets while the receiver runs, and gives back a
// closer for that target alone. What a probe can do beyond that is a small
// optional interface, found by type assertion: [RingReader], [MapSharer],
// [Ticker], [Collector], [Flusher], [Accountant], [Reconfigurer], [Shedder], [Meter].
//
// # Goroutines
//
// A probe never starts a goroutine. A probe that brings a BPF object is served
// by one goroutine of the manager; one without by the goroutine of the first
// probe that it depends on. All optional methods of a probe are called on that
// goroutine, so a probe needs no lock for its own state. Load and Close are
// called while that goroutine does not run. Attach, and the closer that it gave
// back, may be called while it does, if the probe brings an object.
package probe

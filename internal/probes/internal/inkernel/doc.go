// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package inkernel reads metrics that programs aggregate in the kernel, by process and a
// bounded set of dimensions: see bpf/include/aggregate.h and bpf/include/exphist.h.
//
// A probe's hash is read in batches at each collection. Its counters are never set back, so
// that no event falls between a look and a reset; the series are cumulative. What belongs to a
// process that has ended is read a last time, and then taken out of the hash.
package inkernel

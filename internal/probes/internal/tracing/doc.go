// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package tracing gives the exchanges of Instruments their place in traces: IDs,
// parents and the decision on sampling. All Instruments decide in the same way,
// so that a trace is kept or left out as a whole.
package tracing

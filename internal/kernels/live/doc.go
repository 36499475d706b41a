// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package live holds the tests of the whole receiver that run on every kernel,
// with every variant of its probes: on the running one, and in guests that have
// nothing but the test binary.
package live

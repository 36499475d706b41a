// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package rights holds the test that takes from a receiver one right after the other, and
// compares what it still says.
package rights

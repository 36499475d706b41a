// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package acceptance tests the collector that `make build` leaves in bin/: it
// observes real programs, and what it sends is compared with what these
// programs say themselves. It needs root.
package acceptance

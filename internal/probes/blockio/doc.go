// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package blockio is the Instrument "blockio": requests to block devices, by process, device
// and operation, aggregated in the kernel. What the kernel's own threads write, as pages
// that processes made dirty, belongs to no process: its resource is that of the host.
//
// # Account
//
// The unit is a request that was completed: seen = delivered + filtered + lost by cause. One
// whose completion no program was told of is lost as "missed" when the kernel uses its
// memory again, or after a minute.
package blockio

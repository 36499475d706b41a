// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package support keeps what is known of the shipped probes on kernels that were
// looked at: derived from their types, and for those that were booted, confirmed
// by the receiver itself. results.json is the record, docs/support.md the page
// that is made of it.
package support

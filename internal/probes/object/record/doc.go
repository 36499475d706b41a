// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package record reads records, keys and values of BPF programs by their BTF types. A
// [Field] is compiled once from a dotted path and reads any number of records
// without reflection and without an allocation.
//
// Integers are little-endian, as on all machines that the receiver runs on.
package record

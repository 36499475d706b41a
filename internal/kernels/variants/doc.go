// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package variants holds the test that loads and attaches every variant of
// every probe, and compares with what was said of it before.
package variants

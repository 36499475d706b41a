// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package livetest helps tests that load programs into the running kernel.
package livetest

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package livetest

import (
	"os"
	"runtime"
	"testing"
)

// RequireRoot skips the test where programs cannot be loaded, and with -short,
// and says so.
func RequireRoot(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("loads eBPF programs into the running kernel: not with -short")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux: loads eBPF programs")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: loads eBPF programs")
	}
}

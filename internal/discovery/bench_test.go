// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"os"
	"testing"
)

func BenchmarkLookup(b *testing.B) {
	t := NewTable(Options{Selection: &Selection{}, Clock: &manualClock{}, States: kernelStates{}, Max: 10})
	pid := uint32(os.Getpid())
	st, err := t.fs.stat(pid)
	if err != nil {
		b.Skip("needs /proc")
	}
	for b.Loop() {
		if t.Lookup(pid, st.start) == nil {
			b.Fatal("not found")
		}
	}
}

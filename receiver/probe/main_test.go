// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain leaves the example out where it cannot run, and says so: an example
// cannot skip itself.
func TestMain(m *testing.M) {
	flag.Parse()
	var reason string
	switch {
	case testing.Short():
		reason = "is not run with -short"
	case os.Geteuid() != 0:
		reason = "needs root"
	}
	if reason != "" {
		fmt.Fprintln(os.Stderr, "SKIP: Example: it loads an eBPF program and "+reason)
		if err := flag.Set("test.skip", "^Example$"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

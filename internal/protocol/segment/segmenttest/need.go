// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package segmenttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Live is the first call of a test that runs a real server. It gives the paths of the programs
// that the test needs, which may be patterns. Where one is not installed the test is skipped; in
// CI that fails.
func Live(t testing.TB, programs ...string) (paths []string) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a server under load: not with -short")
	}
	for _, name := range programs {
		path, err := exec.LookPath(name)
		if found, _ := filepath.Glob(name); len(found) > 0 {
			path, err = found[len(found)-1], nil
		}
		if err == nil {
			paths = append(paths, path)
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("needs %s: run make install-deps", name)
		}
		t.Skipf("needs %s: run make install-deps", name)
	}
	return paths
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// roleKey names, in the environment, what the test binary does instead of testing.
const roleKey = "ACCEPTANCE_ROLE"

func TestMain(m *testing.M) {
	role := map[string]func(args []string) error{
		"confined": confined,
		"echo":     func([]string) error { return echo() },
		"talk":     talkAs,
	}[os.Getenv(roleKey)]
	if role != nil {
		if err := role(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// unmet ends a test whose precondition is missing: it is skipped, but in CI it fails.
func unmet(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// collectorPath is the binary under test.
func collectorPath(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/otelcol-ebpf")
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		unmet(t, "needs bin/otelcol-ebpf: run make build")
	}
	return path
}

// live is the first call of a test that observes processes.
func live(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("loads eBPF programs: not with -short")
	}
	if os.Geteuid() != 0 {
		unmet(t, "needs root: loads eBPF programs")
	}
	collectorPath(t)
}

// beside is live for a test that may run beside others: it looks only at processes of its
// own, which do little, so that most of the time it waits for programs to load. They run when
// those are done that need the machine for themselves.
func beside(t *testing.T) {
	t.Helper()
	live(t)
	t.Parallel()
}

// program finds a program that the test runs.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		unmet(t, "needs "+name+": run make install-deps")
	}
	return path
}

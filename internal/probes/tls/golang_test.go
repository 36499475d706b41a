// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// All places of a stripped Go program are found, and the oldest kernel emulates each.
func TestGoPlaces(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			if arch == "arm64" && testing.Short() {
				t.Skip("builds the standard library for another architecture")
			}
			path := filepath.Join(t.TempDir(), "https")
			cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, ".")
			cmd.Dir = "testdata/https"
			cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0", "GOTOOLCHAIN=local")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			open, err := os.Open(path)
			require.NoError(t, err)
			defer open.Close()
			l, err := examine(open, uprobe.Kernel{})
			require.NoError(t, err)
			places := map[string]int{}
			for _, h := range l.hooks {
				for _, p := range h.points {
					places[h.program]++
					assert.False(t, p.Slow, p)
				}
			}
			assert.Equal(t, map[string]int{"tls_go_read": 1, "tls_go_write": 2, "tls_go_handshake": 4}, places)
		})
	}
}

// A Go program that does not use crypto/tls has nothing to attach to.
func TestGoWithoutTLS(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(path+".go", []byte("package main\n\nfunc main() {}\n"), 0o600))
	out, err := exec.Command("go", "build", "-o", path, path+".go").CombinedOutput()
	require.NoError(t, err, string(out))
	open, err := os.Open(path)
	require.NoError(t, err)
	defer open.Close()
	_, err = examine(open, uprobe.Kernel{})
	require.ErrorIs(t, err, errNothing)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// A stripped program with net/http and gRPC has all hooks, at places that a kernel emulates that
// emulates least.
func TestHooks(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		path := filepath.Join(t.TempDir(), "grpcfan")
		cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, "./testdata/grpcfan")
		cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		open, err := os.Open(path)
		require.NoError(t, err)
		b, err := examine(open, uprobe.Kernel{})
		require.NoError(t, err)
		require.NoError(t, b.noRoutes)
		require.NoError(t, b.noStreams)
		require.NoError(t, b.noCalls)
		var programs []string
		for _, h := range append(b.starts, b.hooks...) {
			programs = append(programs, h.program)
			for _, p := range h.points {
				assert.False(t, p.Slow, "%s: %s", arch, p)
			}
		}
		assert.Subset(t, programs, []string{
			"go_start", "go_route", "go_hand", "go_take", "go_reads", "go_stream", "go_grpc_call_ctx", "go_grpc_take", "go_grpc_hand",
		}, arch)
		require.NoError(t, open.Close())
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// Where a ServeMux has chosen a pattern is found in stripped programs of both architectures, by
// the toolchain of this test and those of GO_TOOLCHAINS, as "1.22.12 1.25.5".
func TestRoutePoints(t *testing.T) {
	local := strings.TrimPrefix(runtime.Version(), "go")
	for _, version := range append(strings.Fields(os.Getenv("GO_TOOLCHAINS")), local) {
		for _, arch := range []string{"amd64", "arm64"} {
			t.Run(version+" "+arch, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "routes")
				cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, ".")
				cmd.Dir = "testdata/routes"
				toolchain := "go" + version
				if version == local {
					toolchain = "local"
				}
				cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0", "GOTOOLCHAIN="+toolchain)
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, string(out))
				open, err := os.Open(path)
				require.NoError(t, err)
				t.Cleanup(func() { assert.NoError(t, open.Close()) })
				f, err := uprobe.NewFile(open)
				require.NoError(t, err)
				fns, err := f.Funcs(serveMux, findRoute)
				require.NoError(t, err)
				points, err := routes(f, fns[serveMux], fns, uprobe.Kernel{})
				require.NoError(t, err)
				require.Len(t, points, 1)
				t.Log(points[0])
			})
		}
	}
}

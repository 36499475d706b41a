// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package golang

import (
	"fmt"
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

func TestMinor(t *testing.T) {
	for version, want := range map[string]int{
		"go1.26.8": 26, "go1.17": 17, "go1.27-devel_abc": 27, "go1.22rc1": 22, "go1.24.1 X:nocoverageredesign": 24,
	} {
		got, ok := minorOf(version)
		assert.True(t, ok, version)
		assert.Equal(t, want, got, version)
	}
	for _, version := range []string{"", "unknown", "go2.1", "go1.", "devel +abc"} {
		_, ok := minorOf(version)
		assert.False(t, ok, version)
	}
}

func TestLayoutOf(t *testing.T) {
	off, known, err := layoutOf(17)
	require.NoError(t, err)
	assert.True(t, known)
	assert.EqualValues(t, 192, off)
	newest, _, err := layoutOf(26)
	require.NoError(t, err)
	off, known, err = layoutOf(99)
	require.NoError(t, err)
	assert.False(t, known, "nobody has seen it")
	assert.Equal(t, newest, off)
}

// What the table says is what toolchains do: the one of this test and those of the
// environment variable GO_TOOLCHAINS, as "1.17.13 1.21.13". With UPDATE_LAYOUTS=1 it is
// written anew from these.
func TestLayouts(t *testing.T) {
	local := strings.TrimPrefix(runtime.Version(), "go")
	update := os.Getenv("UPDATE_LAYOUTS") == "1"
	var lines strings.Builder
	for _, version := range append(strings.Fields(os.Getenv("GO_TOOLCHAINS")), local) {
		minor, ok := minorOf("go" + version)
		require.True(t, ok, version)
		var found [2]uint32
		for i, arch := range []string{"amd64", "arm64"} {
			path := filepath.Join(t.TempDir(), "empty")
			cmd := exec.Command("go", "build", "-o", path, ".")
			cmd.Dir = "testdata/empty"
			cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOTOOLCHAIN=go"+version)
			if version == local {
				cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0", "GOTOOLCHAIN=local")
			}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			r, err := os.Open(path)
			require.NoError(t, err)
			f, err := uprobe.NewFile(r)
			require.NoError(t, err)
			curg, ok := f.FieldOffset("runtime.m", "curg")
			require.True(t, ok, version)
			m, ok := f.FieldOffset("runtime.g", "m")
			require.True(t, ok, version)
			assert.EqualValues(t, 48, m, "G_M of bpf/go.bpf.c")
			found[i] = uint32(curg)
			require.NoError(t, r.Close())
		}
		require.Equal(t, found[0], found[1], "both architectures have the same")
		if update {
			fmt.Fprintln(&lines, minor, found[0])
			continue
		}
		off, known, err := layoutOf(minor)
		require.NoError(t, err)
		assert.True(t, known, "the table has no Go 1.%d: run scripts/go-layouts.sh", minor)
		assert.Equal(t, found[0], off, version)
	}
	if update {
		require.NoError(t, os.WriteFile("layouts.txt", []byte(lines.String()), 0o644))
	}
}

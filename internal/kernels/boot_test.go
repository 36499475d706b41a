// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// suites are the packages whose tests run in each guest.
var suites = []struct {
	folder string
	args   []string
}{
	{"internal/kernel", []string{"-test.run=Running"}},
	{"internal/compat", []string{"-test.run=Agrees|Privileges"}},
	{"internal/kernels/variants", nil},
}

// TestKernels boots the fetched kernels. KERNELS names them by the begin of
// their release, separated by commas or spaces, or "all"; without it nothing is
// booted, since that takes minutes. LOCKDOWN names modes to boot each with.
func TestKernels(t *testing.T) {
	wanted := strings.FieldsFunc(os.Getenv("KERNELS"), func(r rune) bool { return r == ',' || r == ' ' })
	if len(wanted) == 0 {
		t.Skip("name kernels to boot in KERNELS, or \"all\"")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	dirs, err := filepath.Glob(filepath.Join(root, ".cache/kernels/*/vmlinuz"))
	require.NoError(t, err)
	bin := t.TempDir()
	built := make(map[string][]Binary)
	booted := 0
	for _, image := range dirs {
		dir := filepath.Dir(image)
		release := filepath.Base(dir)
		if !slices.ContainsFunc(wanted, func(w string) bool {
			return w == "all" || strings.HasPrefix(release+".", w+".")
		}) {
			continue
		}
		arch := "amd64"
		if strings.HasSuffix(release, "arm64") {
			arch = "arm64"
		}
		if built[arch] == nil {
			built[arch] = build(t, root, filepath.Join(bin, arch), arch)
		}
		for _, mode := range append([]string{""}, strings.Fields(os.Getenv("LOCKDOWN"))...) {
			booted++
			t.Run(strings.TrimSuffix(release+"/"+mode, "/"), func(t *testing.T) {
				t.Parallel()
				boot(t, Guest{Dir: dir, Arch: arch, Append: lockdown(mode), Init: filepath.Join(bin, arch, "init"), Binaries: built[arch]})
			})
		}
	}
	require.NotZero(t, booted, "none of %v is in .cache/kernels: run internal/kernels/fetch.sh", wanted)
}

func lockdown(mode string) string {
	if mode == "" {
		return ""
	}
	return "lockdown=" + mode
}

// build compiles the guest's init and the suites, statically.
func build(t *testing.T, root, out, arch string) []Binary {
	t.Helper()
	run := func(args ...string) {
		cmd := exec.Command("go", args...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %v: %s", args, output)
	}
	require.NoError(t, os.MkdirAll(out, 0o700))
	run("build", "-ldflags=-s -w", "-o", filepath.Join(out, "init"), "./internal/kernels/guest")
	var binaries []Binary
	for _, s := range suites {
		path := filepath.Join(out, strings.ReplaceAll(s.folder, "/", "_"))
		run("test", "-c", "-ldflags=-s -w", "-o", path, "./"+s.folder)
		binaries = append(binaries, Binary{
			Name: s.folder, Path: path, Root: root, Package: s.folder,
			Args: append([]string{"-test.v", "-test.timeout=5m"}, s.args...),
		})
	}
	return binaries
}

func boot(t *testing.T, g Guest) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var console bytes.Buffer
	start := time.Now()
	results, err := Boot(ctx, g, &console)
	t.Logf("%s: %.1f s", filepath.Base(g.Dir), time.Since(start).Seconds())
	for _, r := range results {
		text := strings.Join(r.Output, "\n")
		if os.Getenv("VERBOSE") != "" {
			t.Logf("%s:\n%s", r.Name, text)
		}
		if r.Exit != 0 {
			t.Errorf("%s: exit %d\n%s", r.Name, r.Exit, text)
		}
		assert.Contains(t, text, "--- PASS", "%s ran no test", r.Name)
	}
	if err != nil {
		tail := console.Bytes()
		t.Errorf("%v; the console ended with:\n%s", err, tail[max(0, len(tail)-4000):])
	}
}

func TestArchive(t *testing.T) {
	var a archive
	a.file("/a/b/c.txt", 0o644, []byte("hello"))
	a.file("/a/d", 0o755, nil)
	if _, err := exec.LookPath("cpio"); err != nil {
		t.Skip("cpio is not installed")
	}
	cmd := exec.Command("cpio", "-tv", "--quiet")
	cmd.Stdin = bytes.NewReader(a.bytes())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, want := range []string{"drwxr-xr-x", " a\n", " a/b\n", "-rw-r--r--", " a/b/c.txt\n", "-rwxr-xr-x", " a/d\n"} {
		assert.Contains(t, string(out), want)
	}
}

func TestFollow(t *testing.T) {
	g := Guest{Binaries: []Binary{{Name: "one"}, {Name: "two"}}}
	results, done := g.follow(strings.NewReader("boot\r\n@out 0 PASS\r\n[1.2] noise @exit 0 0\n@out 1 --- FAIL\n@out 9 x\n@exit 1 1\n@done\n"), nil)
	assert.True(t, done)
	assert.Equal(t, []Result{{"one", 0, []string{"PASS"}}, {"two", 1, []string{"--- FAIL"}}}, results)

	results, done = g.follow(strings.NewReader("@exit 0 0\nKernel panic\n"), nil)
	assert.False(t, done)
	assert.Equal(t, "[{one 0 []} {two -1 []}]", fmt.Sprint(results))
}

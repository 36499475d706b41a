// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package kernels

import (
	"bytes"
	"context"
	"errors"
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

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
)

// suites are the packages whose tests run in each guest, and which of their
// tests. Lockdown decides which variants there are, and nothing about what they
// see: there the receiver runs with its own choice only, and suites without locked
// tests do not. Some need not run on each architecture.
var suites = []struct{ folder, tests, locked, arch string }{
	{"internal/kernel", "Running", "Running", ""},
	{"internal/compat", "Agrees|Privileges", "Agrees|Privileges", ""},
	{"internal/kernels/variants", ".", ".", ""},
	{"internal/probes/object", "AnyKernel", "", "amd64"},
	{"internal/kernels/live", ".", "TestRights|TestReceiver/(own|refuse)", ""},
}

// TestKernels boots the fetched kernels that KERNELS names as fetch.sh does, as
// "6.12" or "6.12/arm64", separated by commas or spaces, or "all"; without it
// nothing is booted, since that takes minutes. Those that LOCKDOWN_ON names are
// booted once more in each mode of LOCKDOWN. SUITE is a part of the name of the
// only suites to run, and VERBOSE shows all output.
//
// What the receivers came to is compared with what the kernels' types tell and
// with the record of the package support, or with UPDATE_GOLDEN=1 put into it.
func TestKernels(t *testing.T) {
	wanted, confined := list("KERNELS"), list("LOCKDOWN_ON")
	if len(wanted) == 0 {
		t.Skip("name kernels to boot in KERNELS, or \"all\"")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	images, err := filepath.Glob(filepath.Join(root, ".cache/kernels/*/vmlinuz"))
	require.NoError(t, err)
	record := newRecord(t, root)
	bin := t.TempDir()
	built := make(map[string][]Binary)
	for _, name := range wanted {
		if name != "all" && !slices.ContainsFunc(images, func(image string) bool { return isNamed(filepath.Dir(image), []string{name}) }) {
			t.Errorf("%s is not in .cache/kernels: run internal/kernels/fetch.sh", name)
		}
	}
	for _, image := range images {
		dir := filepath.Dir(image)
		if !isNamed(dir, wanted) {
			continue
		}
		arch := archOf(dir)
		if built[arch] == nil {
			built[arch] = build(t, root, filepath.Join(bin, arch), arch)
		}
		modes := []string{"none"}
		if isNamed(dir, confined) {
			modes = append(modes, list("LOCKDOWN")...)
		}
		for _, mode := range modes {
			t.Run(filepath.Base(dir)+"/"+mode, func(t *testing.T) {
				t.Parallel()
				g := Guest{Dir: dir, Arch: arch, Init: filepath.Join(bin, arch, "init"), Binaries: built[arch]}
				if mode != "none" {
					g.Append, g.Binaries = "lockdown="+mode, locked(g.Binaries)
				}
				boot(t, g, func(line string) { record.told(t, dir, arch, mode, line) })
			})
		}
	}
}

// list gives the words of a variable of the environment.
func list(name string) []string {
	return strings.FieldsFunc(os.Getenv(name), func(r rune) bool { return r == ',' || r == ' ' })
}

// archOf tells a kernel's architecture by its folder.
func archOf(dir string) string {
	if strings.HasSuffix(dir, "arm64") {
		return "arm64"
	}
	return "amd64"
}

// isNamed tells whether one of the names is that of the kernel in a folder.
func isNamed(dir string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		series, arch, ok := strings.Cut(name, "/")
		if !ok {
			arch = "amd64"
		}
		release := filepath.Base(dir)
		return name == "all" || strings.HasPrefix(release, series) && !startsWithDigit(release[len(series):]) && arch == archOf(dir)
	})
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

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
		if !strings.Contains(s.folder, os.Getenv("SUITE")) || !strings.Contains(arch, s.arch) {
			continue
		}
		path := filepath.Join(out, strings.ReplaceAll(s.folder, "/", "_"))
		run("test", "-c", "-ldflags=-s -w", "-o", path, "./"+s.folder)
		binaries = append(binaries, Binary{
			Name: s.folder, Path: path, Root: root, Package: s.folder,
			Args: []string{"-test.v", "-test.timeout=15m", "-test.run=" + s.tests},
		})
	}
	return binaries
}

// locked gives the binaries that have tests that lockdown makes a difference to, with these.
func locked(binaries []Binary) []Binary {
	var those []Binary
	for _, b := range binaries {
		for _, s := range suites {
			if s.folder == b.Name && s.locked != "" {
				b.Args = append(slices.Clone(b.Args), "-test.run="+s.locked)
				those = append(those, b)
			}
		}
	}
	return those
}

func boot(t *testing.T, g Guest, told func(line string)) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	var console bytes.Buffer
	start := time.Now()
	results, err := Boot(ctx, g, &console)
	for again := 0; again < 2 && errors.Is(err, ErrNoStart) && ctx.Err() == nil; again++ {
		// A busy host starves QEMU, and kernels check early that time passes.
		t.Logf("%v; once more. The console ended with:\n%s", err, tail(&console))
		console.Reset()
		results, err = Boot(ctx, g, &console)
	}
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
		for _, line := range r.Output {
			if _, text, ok := strings.Cut(line, support.Mark); ok && r.Exit == 0 {
				told(text)
			}
			if strings.HasPrefix(line, "--- PASS") {
				t.Log(r.Name, line) // with the time that it took
			}
			if _, text, ok := strings.Cut(line, support.CostMark); ok {
				t.Log(text)
			}
		}
	}
	if err != nil {
		t.Errorf("%v; the console ended with:\n%s", err, tail(&console))
	}
}

// tail is the end of what a guest printed.
func tail(console *bytes.Buffer) []byte {
	b := console.Bytes()
	return b[max(0, len(b)-4000):]
}

func TestIsNamed(t *testing.T) {
	for dir, names := range map[string]string{
		"5.10.0-46-cloud-amd64":      "5.10",
		"6.12.107+deb13-cloud-amd64": "6.1 6.12/arm64 6.12",
		"6.12.107+deb13-cloud-arm64": "6.12/arm64",
		"7.3.4+deb13-cloud-amd64":    "6 7",
	} {
		assert.True(t, isNamed("/x/"+dir, strings.Fields(names)), dir)
	}
	for dir, names := range map[string]string{
		"6.12.107+deb13-cloud-amd64": "6.1 12 7",
		"6.12.107+deb13-cloud-arm64": "6.12 6",
	} {
		assert.False(t, isNamed("/x/"+dir, strings.Fields(names)), dir)
	}
	assert.True(t, isNamed("/x/6.12.107+deb13-cloud-arm64", []string{"all"}))
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

// TestSilentGuestIsEnded: one that hangs, before it has begun or later, costs
// minutes and not the whole run.
func TestSilentGuestIsEnded(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	init := filepath.Join(dir, "init")
	require.NoError(t, os.WriteFile(init, nil, 0o700))
	for prints, want := range map[string]error{"": ErrNoStart, "echo @out 0 hello; sleep 0.2; echo @out 0 hello;": ErrNoEnd} {
		qemu := "#!/bin/sh\n" + prints + "exec sleep 60\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, "qemu-system-x86_64"), []byte(qemu), 0o700))
		g := Guest{Dir: dir, Arch: "amd64", Init: init, Binaries: []Binary{{Name: "one", Path: init, Root: dir, Package: "one"}}, Patience: time.Second}
		start := time.Now()
		_, err := Boot(t.Context(), g, nil)
		require.ErrorIs(t, err, ErrSilent)
		require.ErrorIs(t, err, want)
		assert.Less(t, time.Since(start), 30*time.Second)
		assert.ErrorContains(t, err, "printed nothing for too long (1s)")
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

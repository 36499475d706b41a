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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest/foreign"
)

// suite is a package whose tests run in guests, and which of them: all, those
// that run under lockdown too, or none if that is empty. It runs on one
// architecture if arch names it, and on the kernels that on names as KERNELS does.
type suite struct {
	folder, tests, locked, arch, on string
	foreign                         bool // the tests read objects that nobody here wrote
	programs                        bool // the tests run programs that fetch.sh has fetched
}

// Lockdown decides which variants there are, and nothing about what they see:
// there the receiver runs with its own choice only. What variants say they cannot see
// is tried once with each that is a choice, and the ways to move bytes where there are
// variants that this machine, which tries them, too, may not have.
var suites = []suite{
	{folder: "internal/kernel", tests: "Running", locked: "Running"},
	{folder: "internal/compat", tests: "Agrees|Privileges", locked: "Agrees|Privileges"},
	{folder: "internal/probes/object", tests: "AnyKernel", arch: "amd64", foreign: true},
	{folder: "internal/kernels/live", tests: "Receiver|Rights", locked: "TestRights|TestReceiver/(own|refuse|load)"},
	{folder: "internal/kernels/live", tests: "KernelTLS", on: "5.10 6.1 7 6.12/arm64", programs: true},
	{folder: "internal/kernels/live", tests: "Unseen", on: "5.10 6.1 6.18"},
	{folder: "internal/kernels/live", tests: "Ways", on: "6.1"},
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
	for _, name := range wanted {
		if name != "all" && !slices.ContainsFunc(images, func(image string) bool { return isNamed(filepath.Dir(image), []string{name}) }) {
			t.Errorf("%s is not in .cache/kernels: run internal/kernels/fetch.sh", name)
		}
	}
	var boots, again []start
	for _, image := range images {
		dir := filepath.Dir(image)
		if !isNamed(dir, wanted) {
			continue
		}
		boots = append(boots, start{dir, "none"})
		if isNamed(dir, confined) {
			for _, mode := range list("LOCKDOWN") {
				again = append(again, start{dir, mode})
			}
		}
	}
	// Newer kernels take longer, and lockdown makes it short: so that both lanes end together.
	slices.SortFunc(boots, func(a, b start) int { return -strings.Compare(filepath.Base(a.dir), filepath.Base(b.dir)) })
	queue := make(chan start, len(boots)+len(again))
	for _, s := range append(boots, again...) {
		queue <- s
	}
	close(queue)
	record, bin := newRecord(t, root), t.TempDir()
	var mu sync.Mutex
	built := map[string]func() []Binary{} // by architecture, one for each of suites
	binaries := func(t *testing.T, arch string) []Binary {
		mu.Lock()
		if built[arch] == nil {
			built[arch] = sync.OnceValue(func() []Binary { return build(t, root, filepath.Join(bin, arch), arch) })
		}
		of := built[arch]
		mu.Unlock()
		return of()
	}
	var lanes sync.WaitGroup
	for range 2 {
		lanes.Go(func() {
			for s := range queue {
				t.Run(filepath.Base(s.dir)+"/"+s.mode, func(t *testing.T) {
					arch := archOf(s.dir)
					g := Guest{Dir: s.dir, Arch: arch, Binaries: chosen(binaries(t, arch), s.dir, s.mode), Init: filepath.Join(bin, arch, "init")}
					if s.mode != "none" {
						g.Append = "lockdown=" + s.mode
					}
					boot(t, g, func(line string) { record.told(t, s.dir, arch, s.mode, line) })
				})
			}
		})
	}
	lanes.Wait()
}

// start is one boot: of the kernel in a folder, in a mode of lockdown.
type start struct{ dir, mode string }

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
	paths := map[string]bool{}
	for _, s := range suites {
		path := filepath.Join(out, strings.ReplaceAll(s.folder, "/", "_"))
		if !paths[path] && strings.Contains(s.folder, os.Getenv("SUITE")) {
			run("test", "-c", "-ldflags=-s -w", "-o", path, "./"+s.folder)
			paths[path] = true
		}
		b := Binary{Name: s.folder, Path: path, Root: root, Package: s.folder}
		if s.foreign && paths[path] && arch == s.arch {
			b.Extra = path + ".extra"
			require.NoError(t, os.MkdirAll(b.Extra, 0o700))
			require.NoError(t, foreign.All(b.Extra))
		}
		if s.programs && arch == "amd64" { // of which they are
			b.Extra = filepath.Join(root, ".cache/kernels/programs")
		}
		binaries = append(binaries, b)
	}
	return binaries
}

// chosen gives the binaries, of all suites, that run in a kernel and mode, with
// the tests that do.
func chosen(binaries []Binary, dir, mode string) []Binary {
	var those []Binary
	for i, s := range suites {
		tests := s.tests
		if mode != "none" {
			tests = s.locked
		}
		if tests == "" || !strings.Contains(s.folder, os.Getenv("SUITE")) || !strings.Contains(archOf(dir), s.arch) ||
			s.on != "" && !isNamed(dir, strings.Fields(s.on)) {
			continue
		}
		b := binaries[i]
		b.Args = []string{"-test.v", "-test.timeout=15m", "-test.run=" + tests}
		those = append(those, b)
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

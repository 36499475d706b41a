// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package kernels

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mikelolasagasti/xz"
)

// Guest is a kernel to boot and what to run in it.
type Guest struct {
	// Dir is the kernel's folder, as fetch.sh makes it.
	Dir string
	// Arch is the Go word for its architecture: amd64 or arm64.
	Arch string
	// Append is added to the kernel's command line.
	Append string
	// Init is the path of the static binary of the package guest.
	Init string
	// Binaries are the static test binaries, in the order of their runs.
	Binaries []Binary
	// Patience is how long the guest may print nothing, from its start on, before it
	// is ended. Zero means [Patience].
	Patience time.Duration
}

// Patience is for guests that share a busy machine. Alone they print their first
// line after 2 to 5 s, and the next after half a minute at the most.
const Patience = 8 * time.Minute

// Binary is a test binary with the files that it reads.
type Binary struct {
	Name string
	// Path is the binary's on the host.
	Path string
	// Package is the package's folder on the host, relative to Root: the binary
	// runs at the same place in the guest, with the folder's testdata.
	Root, Package string
	// Extra is a folder on the host whose files the binary reads, too. It finds them in
	// [Extra]. May be empty.
	Extra string
	Args  []string
}

// Result is how a run ended.
type Result struct {
	Name   string
	Exit   int
	Output []string
}

// ErrNoStart says that a guest ended before it had run anything, as a kernel does
// that panics while it boots.
var ErrNoStart = errors.New("the guest did not start")

// ErrNoEnd says that a guest ended, or was ended, before it had run all.
var ErrNoEnd = errors.New("the guest did not finish")

// ErrSilent says that a guest was ended because it printed nothing any more.
var ErrSilent = errors.New("it printed nothing for too long")

// Boot boots the kernel and runs the binaries, one after the other. console, if
// not nil, gets all that the guest prints.
//
// Returns the results of those that ended, and an error wrapping [ErrNoEnd] if
// others did not, or [ErrNoStart] if none has even begun. It wraps [ErrSilent], too, if
// that is why.
func Boot(ctx context.Context, g Guest, console io.Writer) ([]Result, error) {
	initrd, err := g.initramfs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kernels")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "initrd")
	if err := os.WriteFile(path, initrd, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", g.arguments(path)...)
	if g.Arch == "arm64" {
		cmd = exec.CommandContext(ctx, "qemu-system-aarch64", g.arguments(path)...)
	}
	// It ends with this process, however that ends. The kernel tells it so when the
	// thread ends that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var failure bytes.Buffer
	cmd.Stderr = &failure
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	patience := cmp.Or(g.Patience, Patience)
	var silent atomic.Bool
	timer := time.AfterFunc(patience, func() {
		silent.Store(true)
		_ = cmd.Process.Kill() // an error means that it ended just now
	})
	results, done := g.follow(&watched{out, timer, patience}, console)
	err = cmd.Wait()
	timer.Stop()
	if done {
		return results, nil
	}
	why := ErrNoEnd
	if !slices.ContainsFunc(results, func(r Result) bool { return r.Exit >= 0 || len(r.Output) > 0 }) {
		why = ErrNoStart
	}
	if silent.Load() {
		return results, fmt.Errorf("%w: %w (%v)", why, ErrSilent, patience)
	}
	if err != nil {
		return results, fmt.Errorf("%w: %w: %s", why, err, strings.TrimSpace(failure.String()))
	}
	return results, why
}

// watched sets a timer anew with all that is read.
type watched struct {
	io.Reader
	timer    *time.Timer
	patience time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.timer.Reset(w.patience)
	}
	return n, err
}

// arguments are QEMU's. One processor is faster than two without KVM.
//
// The kernel's check that the timer ticks while it counts loops fails, and
// panics ("IO-APIC + timer doesn't work"), when the host gives QEMU no time
// just then: no_timer_check leaves it out.
//
// The emulation of cmpxchg16b in QEMU 7.2 sometimes leaves wrong flags behind,
// and the allocator of older kernels, which uses it all the time, then crashes
// the guest. From 6.18 the allocator needs it for BPF arenas and hardly uses it otherwise.
func (g *Guest) arguments(initrd string) []string {
	console, timer := "ttyS0", " no_timer_check"
	args := []string{"-cpu", "max,cx16=off"}
	if g.atLeast(6, 18) {
		args[1] = "max"
	}
	if g.Arch == "arm64" {
		console, timer = "ttyAMA0", ""
		args = []string{"-machine", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on"}
	}
	return append(args, "-accel", "tcg", "-smp", "1", "-m", "1024", "-display", "none", "-monitor", "none",
		"-serial", "stdio", "-no-reboot", "-nodefaults", "-kernel", filepath.Join(g.Dir, "vmlinuz"), "-initrd", initrd,
		"-append", strings.TrimSpace("console="+console+timer+" panic=-1 quiet loglevel=3 mitigations=off nokaslr "+g.Append))
}

// atLeast compares the kernel's version, which its folder is named by.
func (g *Guest) atLeast(major, minor int) bool {
	var have, below int
	if _, err := fmt.Sscanf(filepath.Base(g.Dir), "%d.%d", &have, &below); err != nil {
		return false
	}
	return have > major || have == major && below >= minor
}

// follow reads the console to its end.
func (g *Guest) follow(out io.Reader, console io.Writer) (results []Result, done bool) {
	for _, b := range g.Binaries {
		results = append(results, Result{Name: b.Name, Exit: -1})
	}
	ended := 0
	s := bufio.NewScanner(out)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		line := strings.TrimRight(s.Text(), "\r")
		if console != nil {
			fmt.Fprintln(console, line)
		}
		// What the kernel prints may stand before a line of the guest's.
		if _, rest, ok := strings.Cut(line, LineOutput); ok {
			number, text, _ := strings.Cut(rest, " ")
			if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < len(results) {
				results[n].Output = append(results[n].Output, text)
			}
		} else if _, rest, ok := strings.Cut(line, LineExit); ok {
			var n, code int
			if _, err := fmt.Sscan(rest, &n, &code); err == nil && n >= 0 && n < len(results) {
				results[n].Exit = code
				ended++
			}
		} else if strings.Contains(line, LineDone) {
			done = ended == len(results)
		}
	}
	return results, done
}

// initramfs packs what the guest has.
func (g *Guest) initramfs() ([]byte, error) {
	var a archive
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "bin"} {
		a.dir(dir)
	}
	init, err := os.ReadFile(g.Init)
	if err != nil {
		return nil, err
	}
	a.file("init", 0o755, init)
	job := Job{Patient: g.atLeast(6, 18)}
	if job.Modules, err = g.modules(&a); err != nil {
		return nil, err
	}
	in := map[string]string{} // what is in the archive, by where it comes from
	for i, b := range g.Binaries {
		run := Run{Name: b.Name, Path: in[b.Path], Dir: "/repo/" + b.Package, Args: b.Args}
		if run.Path == "" {
			run.Path = fmt.Sprintf("/bin/test%d", i)
			in[b.Path] = run.Path
			data, err := os.ReadFile(b.Path)
			if err != nil {
				return nil, err
			}
			a.file(run.Path, 0o755, data)
			a.dir(run.Dir)
			if err := addTree(&a, "/repo/"+b.Package+"/testdata", filepath.Join(b.Root, b.Package, "testdata")); err != nil {
				return nil, err
			}
		}
		if b.Extra != "" {
			if err := addTree(&a, Extra, b.Extra); err != nil {
				return nil, err
			}
		}
		job.Runs = append(job.Runs, run)
	}
	data, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	a.file("job.json", 0o644, data)
	return a.bytes(), nil
}

// modules packs the kernel's modules, decompressed: finit_module takes no
// compressed ones on old kernels.
func (g *Guest) modules(a *archive) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(g.Dir, "modules", "*.ko*"))
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(file)
		if plain, ok := strings.CutSuffix(name, ".xz"); ok {
			name = plain
			r, err := xz.NewReader(bytes.NewReader(data), 0)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if data, err = io.ReadAll(r); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
		path := "/modules/" + name
		a.file(path, 0o644, data)
		paths = append(paths, path)
	}
	return paths, nil
}

// addTree packs a folder, if there is one, as another one of the guest.
func addTree(a *archive, as, folder string) error {
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		a.file(as+"/"+filepath.ToSlash(relative), 0o644, data)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

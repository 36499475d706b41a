// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command guest is the init of a kernel that was booted to run tests: it mounts
// what they need, runs them and switches the machine off. It imports nothing
// that looks at the kernel before the mounts are there.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels"
)

func main() {
	if err := work(); err != nil {
		fmt.Fprintln(os.Stdout, "guest:", err)
	}
	fmt.Fprintln(os.Stdout, kernels.LineDone)
	unix.Sync()
	// QEMU runs with -no-reboot: this ends it.
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		fmt.Fprintln(os.Stdout, "guest: reboot:", err)
	}
}

func work() error {
	if err := mounts(); err != nil {
		return err
	}
	data, err := os.ReadFile("/job.json")
	if err != nil {
		return err
	}
	var job kernels.Job
	if err := json.Unmarshal(data, &job); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	insertAll(job.Modules)
	if err := loopbackUp(); err != nil {
		fmt.Fprintln(os.Stdout, "guest: loopback:", err)
	}
	if job.Patient {
		if err := patient(); err != nil {
			fmt.Fprintln(os.Stdout, "guest: scheduler:", err)
		}
	}
	for i, run := range job.Runs {
		fmt.Fprintf(os.Stdout, "%s%d %d\n", kernels.LineExit, i, execute(i, run))
	}
	return nil
}

// mounts makes the tree that a system has. What a kernel does not know, or its
// lockdown refuses, is left out: that is what the tests are for.
func mounts() error {
	for _, m := range []struct {
		fstype, path string
		must         bool
	}{
		{"proc", "/proc", true},
		{"sysfs", "/sys", true},
		{"devtmpfs", "/dev", true},
		{"tmpfs", "/tmp", true},
		{"tracefs", "/sys/kernel/tracing", false},
		{"debugfs", "/sys/kernel/debug", false},
		{"securityfs", "/sys/kernel/security", false},
		{"bpf", "/sys/fs/bpf", false},
		{"cgroup2", "/sys/fs/cgroup", false},
	} {
		if err := os.MkdirAll(m.path, 0o755); err != nil && m.must {
			return err
		}
		if err := unix.Mount(m.fstype, m.path, m.fstype, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			if m.must {
				return fmt.Errorf("mount %s: %w", m.fstype, err)
			}
			fmt.Fprintf(os.Stdout, "guest: mount %s: %v\n", m.fstype, err)
		}
	}
	return nil
}

// patient tells the scheduler not to interrupt a task because another one became
// ready, and to let it run for a tenth of a second instead of some milliseconds.
func patient() error {
	const dir = "/sys/kernel/debug/sched/"
	return errors.Join(
		os.WriteFile(dir+"features", []byte("NO_WAKEUP_PREEMPTION"), 0),
		os.WriteFile(dir+"base_slice_ns", []byte("100000000"), 0))
}

// insertAll inserts modules, those that need others after these.
func insertAll(paths []string) {
	for len(paths) > 0 {
		var left []string
		var why []error
		for _, path := range paths {
			if err := insert(path); err != nil {
				left, why = append(left, path), append(why, err)
			}
		}
		if len(left) == len(paths) {
			for i, path := range left {
				fmt.Fprintf(os.Stdout, "guest: module %s: %v\n", filepath.Base(path), why[i])
			}
			return
		}
		paths = left
	}
}

func insert(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}

// execute runs a test binary and gives its exit code, or -1 if it did not run.
func execute(n int, run kernels.Run) int {
	cmd := exec.Command(run.Path, run.Args...)
	cmd.Dir = run.Dir
	cmd.Env = []string{"HOME=/tmp", "TMPDIR=/tmp", "PATH=/bin", kernels.InGuest + "=1"}
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Fprintln(os.Stdout, "guest:", err)
		return -1
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stdout, "guest:", err)
		return -1
	}
	w.Close()
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		fmt.Fprintf(os.Stdout, "%s%d %s\n", kernels.LineOutput, n, s.Text())
	}
	var exit *exec.ExitError
	switch err := cmd.Wait(); {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		fmt.Fprintln(os.Stdout, "guest:", err)
		return -1
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// start starts a program and gives what ends it, by its own process ID.
func start(cmd *exec.Cmd) (end func(), err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &unix.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = unix.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", cmd.Path, err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	return func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
	}, nil
}

// self runs this program as what the flags say, on a processor, and gives its first line of
// output.
func self(cpu int, env []string, flags ...string) (pid int, line string, end func(), err error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, "", nil, err
	}
	cmd := on(cpu, exe, flags...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, "", nil, err
	}
	if end, err = start(cmd); err != nil {
		return 0, "", nil, err
	}
	line, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end()
		return 0, "", nil, fmt.Errorf("%v did not start: %w", flags, err)
	}
	return cmd.Process.Pid, strings.TrimSpace(line), end, nil
}

// on is a command on one processor; on any when that is negative.
func on(cpu int, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	if cpu >= 0 {
		cmd = exec.Command("taskset", append([]string{"-c", strconv.Itoa(cpu), name}, args...)...) // which becomes what it runs
	}
	cmd.Stderr = os.Stderr
	return cmd
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// eventually tries for five seconds.
func eventually(try func() error) (err error) {
	for range 100 {
		if err = try(); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// family is a process and its children.
func family(pid int) ([]int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	if err != nil {
		return nil, err
	}
	all := []int{pid}
	for _, f := range strings.Fields(string(b)) {
		child, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		all = append(all, child)
	}
	return all, nil
}

// schedstat reads the time that a process's threads were on a CPU, in ns
// (Documentation/scheduler/sched-stats.rst).
func schedstat(pid int) (sum uint64, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		return 0, errors.Join(fmt.Errorf("process %d is gone", pid), err)
	}
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		f := strings.Fields(string(b))
		if len(f) != 3 {
			return 0, fmt.Errorf("unexpected schedstat %q", b)
		}
		ns, err := strconv.ParseUint(f[0], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += ns
	}
	return sum, nil
}

// ownCPU gives the CPU time of this process.
func ownCPU() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ownMemory gives the resident memory of this process in bytes.
func ownMemory() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	pages, _ := strconv.ParseUint(f[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}

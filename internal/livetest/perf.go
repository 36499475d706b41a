// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package livetest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// PerfStat lets perf count events of a process, with the threads that it begins. What it gives back
// ends that and tells the numbers. The process should do nothing at either moment: perf and
// whoever is compared with it do not begin at the same one.
func PerfStat(t testing.TB, pid int, events ...string) (end func() map[string]float64) {
	t.Helper()
	cmd := exec.Command("perf", "stat", "-x", ",", "-e", strings.Join(events, ","), "-p", strconv.Itoa(pid))
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("perf does not start: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool { return perfEvents(cmd.Process.Pid) >= len(events) }, 10*time.Second, 10*time.Millisecond, "perf opens its events")
	time.Sleep(300 * time.Millisecond) // until it enables them
	return func() map[string]float64 {
		t.Helper()
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		_ = cmd.Wait()
		counts := map[string]float64{}
		for line := range strings.Lines(said.String()) {
			f := strings.Split(line, ",")
			if len(f) < 3 {
				continue
			}
			if n, err := strconv.ParseFloat(f[0], 64); err == nil {
				name, _, _ := strings.Cut(f[2], ":")
				counts[name] = n
			}
		}
		require.Len(t, counts, len(events), "%s", said.String())
		return counts
	}
}

// perfEvents counts the events that a process has open.
func perfEvents(pid int) (n int) {
	fds, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.Contains(to, "perf_event") {
			n++
		}
	}
	return n
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package scheduler

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	discoveryprobe "github.com/ebpfreceiver/ebpfreceiver/internal/probes/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// load starts the Instrument.
func load(t *testing.T) (i probe.Probe, metrics *livetest.Metrics, pump *livetest.Pumped) {
	t.Helper()
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	metrics = &livetest.Metrics{}
	set := probe.Settings{
		Logger: zaptest.NewLogger(t), Clock: livetest.Clock{}, Emit: metrics, Signals: probe.Metrics, Selection: &discovery.Selection{},
	}
	f := discoveryprobe.Factory()
	d := livetest.Load(t, f, set, f.DefaultConfig(), nil)
	set.Processes = d.(probe.Processes)
	f = Factory()
	i = livetest.Load(t, f, set, f.DefaultConfig(), map[string]probe.Probe{"discovery": d})
	livetest.Attach(t, d)
	livetest.Attach(t, i)
	return i, metrics, livetest.PumpJoined(t, d, i)
}

// kernelSays is what /proc knows of a process's threads.
type kernelSays struct{ on, delay, voluntary, involuntary float64 }

func read(t *testing.T, pid int) (k kernelSays) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	require.NoError(t, err)
	require.NotEmpty(t, tasks)
	for _, task := range tasks {
		text, err := os.ReadFile(task + "/schedstat")
		require.NoError(t, err)
		var on, delay, slices float64
		_, err = fmt.Sscan(string(text), &on, &delay, &slices)
		require.NoError(t, err)
		k.on += on / 1e9
		k.delay += delay / 1e9
		text, err = os.ReadFile(task + "/status")
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			var n float64
			if _, err := fmt.Sscanf(line, "voluntary_ctxt_switches: %g", &n); err == nil {
				k.voluntary += n
			}
			if _, err := fmt.Sscanf(line, "nonvoluntary_ctxt_switches: %g", &n); err == nil {
				k.involuntary += n
			}
		}
	}
	return k
}

// stopped tells whether all threads of a process have been stopped by a signal.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	require.NoError(t, err)
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		require.NoError(t, err)
		_, rest, _ := strings.Cut(string(text), ") ")
		if !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return len(tasks) > 0
}

const busy = `
import threading, time, os
os.sched_setaffinity(0, {0})
def work():
    while True:
        end = time.monotonic() + 0.003
        while time.monotonic() < end: pass
        time.sleep(0.002)
for _ in range(2): threading.Thread(target=work).start()
`

// Processes that compete for a processor: what the kernel itself says of their threads is
// what comes out.
func TestAgainstSchedstat(t *testing.T) {
	i, metrics, pump := load(t)
	var pids []int
	began := time.Now()
	for range 3 {
		cmd := exec.Command("python3", "-c", busy)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		pids = append(pids, cmd.Process.Pid)
	}
	time.Sleep(1500 * time.Millisecond)
	pump.Collect(t, i) // what follows must not depend on how often
	time.Sleep(500 * time.Millisecond)
	for _, pid := range pids {
		require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	}
	require.Eventually(t, func() bool { return !slices.ContainsFunc(pids, func(pid int) bool { return !stopped(t, pid) }) },
		10*time.Second, 10*time.Millisecond, "the kernel goes on counting until then")
	alive := time.Since(began).Seconds()
	pump.Stop()
	metrics.Reset()
	pump.Collect(t, i)
	for _, pid := range pids {
		want := read(t, pid)
		switches := metrics.Values(metricSwitches, pid)
		assert.InDelta(t, want.voluntary, switches[attrType+"=voluntary"], 1)
		assert.InDelta(t, want.involuntary, switches[attrType+"=involuntary"], 1)
		assert.Greater(t, want.voluntary+want.involuntary, 100.0)
		assert.InEpsilon(t, want.on, metrics.Values(metricOn, pid)[""], 0.05)
		latency := metrics.Points(metricLatency, pid)
		require.Len(t, latency, 1)
		assert.InEpsilon(t, want.delay, latency[0].Sum(), 0.005) // one wait may be under way
		assert.Greater(t, want.delay, 0.1)
		off := metrics.Values(metricOff, pid)
		total := off[attrType+"=voluntary"] + off[attrType+"=involuntary"]
		assert.Greater(t, total, want.delay, "it waits while it is away")
		assert.Less(t, total, 3*alive, "of its three threads")
		t.Logf("on %.4f of %.4f s, waited %.6f of %.6f s, p50 %.6f p99 %.6f, off %v, switches %v of %+v",
			metrics.Values(metricOn, pid)[""], want.on, latency[0].Sum(), want.delay, latency[0].Quantile(0.5), latency[0].Quantile(0.99), off, switches, want)
	}
	livetest.Conserved(t, i)
}

func TestMigrations(t *testing.T) {
	i, metrics, pump := load(t)
	cmd := exec.Command("python3", "-c", `
import os
cpus = sorted(os.sched_getaffinity(0))
for n in range(200): os.sched_setaffinity(0, {cpus[n % len(cpus)]})
input()`)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	time.Sleep(700 * time.Millisecond)
	pump.Stop()
	pump.Collect(t, i)
	got := metrics.Values(metricMigrations, cmd.Process.Pid)[""]
	require.NoError(t, in.Close())
	_ = cmd.Wait()
	cpus, err := os.ReadFile("/sys/devices/system/cpu/online")
	require.NoError(t, err)
	if strings.TrimSpace(string(cpus)) == "0" {
		t.Skip("there is one processor")
	}
	assert.GreaterOrEqual(t, got, 199.0)
	assert.Less(t, got, 230.0)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package scheduler

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// stepped is a Python script that goes on at each line of input.
type stepped struct {
	*exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

// startStepped starts one whose functions step() waits for the next line.
func startStepped(t *testing.T, script string) *stepped {
	t.Helper()
	cmd := exec.Command("python3", "-c", `
import os, sys, threading, time
def step():
    os.write(1, b"ready\n")
    os.read(0, 1)
`+script)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p := &stepped{cmd, in, bufio.NewReader(out)}
	p.wait(t)
	return p
}

// wait waits until it has come to a step, and sleeps.
func (p *stepped) wait(t *testing.T) {
	t.Helper()
	line, err := p.out.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	time.Sleep(100 * time.Millisecond)
}

func (p *stepped) step(t *testing.T) {
	t.Helper()
	_, err := p.in.Write([]byte{1})
	require.NoError(t, err)
	p.wait(t)
}

// Switches and migrations are those that perf counts for the same process.
func TestAgainstPerfStat(t *testing.T) {
	i, metrics, pump := load(t)
	p := startStepped(t, `
cpus = sorted(os.sched_getaffinity(0))
done = threading.Semaphore(0)
step()
def work():
    for n in range(200):
        os.sched_setaffinity(0, {cpus[n % len(cpus)]})
        end = time.monotonic() + 0.001
        while time.monotonic() < end: pass
        time.sleep(0.001)
    done.release()
    time.sleep(600) # perf does not count the switch away from a thread that has ended
for _ in range(3): threading.Thread(target=work, daemon=True).start()
for _ in range(3): done.acquire()
step()
`)
	read := func() (switches, migrations float64) {
		metrics.Reset()
		pump.Collect(t, i)
		for _, n := range metrics.Values(metricSwitches, p.Process.Pid) {
			switches += n
		}
		return switches, metrics.Values(metricMigrations, p.Process.Pid)[""]
	}
	end := livetest.PerfStat(t, p.Process.Pid, "context-switches", "cpu-migrations")
	switches0, migrations0 := read()
	p.step(t)
	switches1, migrations1 := read()
	want := end()
	t.Logf("perf: %v; here %v switches, %v migrations", want, switches1-switches0, migrations1-migrations0)
	assert.Equal(t, want["context-switches"], switches1-switches0)
	assert.Equal(t, want["cpu-migrations"], migrations1-migrations0)
	assert.Greater(t, want["context-switches"], 600.0)
	livetest.Conserved(t, i)
}

// delays are those that perf sched has for the threads of a process: since they were woken, or
// since they were taken off the processor though they could have run on.
func delays(t *testing.T, data string, pid int) (all []float64) {
	t.Helper()
	out, err := exec.Command("perf", "sched", "timehist", "-i", data, "--state").Output()
	require.NoError(t, err)
	preempted := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		// time [cpu] name[tid/pid] wait delay run state
		open, end := strings.LastIndex(line, "["), strings.LastIndex(line, "]")
		f := strings.Fields(line[max(end, 0):])
		if open < 0 || len(f) < 5 {
			continue
		}
		ids := line[open+1 : end]
		tid, process, threads := strings.Cut(ids, "/")
		if !threads {
			process = tid
		}
		if process != strconv.Itoa(pid) {
			continue
		}
		wait, err := strconv.ParseFloat(f[1], 64)
		require.NoError(t, err, line)
		delay, err := strconv.ParseFloat(f[2], 64)
		require.NoError(t, err, line)
		if preempted[tid] {
			delay = wait
		}
		all = append(all, delay/1e3)
		preempted[tid] = f[4] == "R"
	}
	return all
}

// Percentiles of the run-queue latency are those of perf sched, of the same switches.
func TestLatencyAgainstPerfSched(t *testing.T) {
	i, metrics, pump := load(t)
	p := startStepped(t, `
step()
os.sched_setaffinity(0, {0})
def work(n):
    end = time.monotonic() + 2
    while time.monotonic() < end:
        time.sleep(0.002 + n * 0.0007)
        t = time.monotonic() + 0.0015
        while time.monotonic() < t: pass
ts = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in ts: t.start()
for t in ts: t.join()
step()
`)
	busy := exec.Command("python3", "-c", "import os\nos.sched_setaffinity(0, {0})\nwhile True: pass")
	require.NoError(t, busy.Start())
	t.Cleanup(func() {
		_ = busy.Process.Kill()
		_ = busy.Wait()
	})
	data := filepath.Join(t.TempDir(), "data")
	record := exec.Command("perf", "record", "-q", "-a", "-m", "2048", "-o", data,
		"-e", "sched:sched_switch,sched:sched_wakeup,sched:sched_wakeup_new", "--", "sleep", "3.2")
	require.NoError(t, record.Start())
	require.Eventually(t, func() bool {
		out, err := exec.Command("pgrep", "-P", strconv.Itoa(record.Process.Pid), "-x", "sleep").Output()
		return err == nil && len(out) > 0
	}, 10*time.Second, 20*time.Millisecond)
	metrics.Reset()
	pump.Collect(t, i)
	before := metrics.Points(metricLatency, p.Process.Pid)
	p.step(t)
	metrics.Reset()
	pump.Collect(t, i)
	after := metrics.Points(metricLatency, p.Process.Pid)
	require.NoError(t, record.Wait())
	require.Len(t, before, 1)
	require.Len(t, after, 1)
	want := delays(t, data, p.Process.Pid)
	require.Greater(t, len(want), 200)
	slices.Sort(want)
	got := livetest.Difference(&after[0], &before[0])
	assert.InEpsilon(t, len(want), int(got.Count()), 0.01, "they do not begin at the same moment")
	text := &strings.Builder{}
	// perf notes the time some microseconds apart from the scheduler, whose clock is used here.
	const apart, long = 20e-6, 200e-6
	compared := 0
	for _, q := range []float64{0.5, 0.75, 0.9, 0.95, 0.99} {
		w := want[int(math.Ceil(q*float64(len(want))))-1]
		g := got.Quantile(q)
		fmt.Fprintf(text, " p%.0f %.6f %.6f", 100*q, w, g)
		if w < long {
			assert.InDelta(t, w, g, apart, "p%g", 100*q)
			continue
		}
		compared++
		assert.InEpsilon(t, w, g, 0.1, "p%g", 100*q)
	}
	assert.GreaterOrEqual(t, compared, 3)
	t.Logf("%d switches of perf sched, %d here;%s", len(want), got.Count(), text)
	livetest.Conserved(t, i)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package object_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest/foreign"
	objects "github.com/ebpfreceiver/ebpfreceiver/internal/probes/object"
)

// tool takes the object out of a program of Debian's package libbpf-tools, which carries it as
// it was compiled there. Nobody here wrote it, and it was made for another loader.
func tool(t testing.TB, name string) string {
	t.Helper()
	livetest.RequireRoot(t)
	path, err := foreign.Tool(name, t.TempDir())
	return gotten(t, path, err)
}

// exitsnoop, of which no type of a record is known, tells how processes ended.
func TestLiveExitsnoop(t *testing.T) {
	livetest.Tracefs(t)
	sh := copyOf(t, "/bin/sh")
	o := start(t, `
path: `+tool(t, "exitsnoop")+`
outputs:
  - map: events
    layout: |
      struct event { __u64 start_time, exit_time; __u32 pid, tid, ppid, sig; int exit_code; char comm[16]; };
    process: pid
    span: {name: "{comm}", start: start_time, end: exit_time, error: exit_code, error_if: not_zero}
    attributes:
      pid: process.pid
      ppid: process.parent_pid
      exit_code: process.exit.code
      sig: {name: signal, as: signal}
`, targets(sh))
	codes := map[int64]int64{}
	var killed int64
	for i := range 15 {
		script := fmt.Sprintf("exit %d", i)
		if i == 14 {
			script = "kill -9 $$"
		}
		cmd := exec.Command(sh, "-c", script)
		_ = cmd.Run()
		codes[int64(cmd.Process.Pid)] = int64(i)
		killed = int64(cmd.Process.Pid)
	}
	until(t, "15 spans", func() bool { return o.traces.SpanCount() >= 15 })
	o.balanced(15)
	o.stop()
	require.Len(t, o.spans(), 15)
	for _, s := range o.spans() {
		attrs := raw(s.Attributes())
		pid := attrs["process.pid"].(int64)
		assert.EqualValues(t, os.Getpid(), attrs["process.parent_pid"])
		assert.Equal(t, "observed", s.Name())
		assert.EqualValues(t, pid, s.resource["process.pid"])
		if pid == killed {
			assert.Equal(t, "SIGKILL", attrs["signal"])
			continue
		}
		assert.Equal(t, codes[pid], attrs["process.exit.code"])
		assert.NotContains(t, attrs, "signal")
		assert.Greater(t, s.EndTimestamp(), s.StartTimestamp())
	}
}

// opensnoop tells what a program fails to open, with the error.
func TestLiveOpensnoop(t *testing.T) {
	livetest.Tracefs(t)
	cat := copyOf(t, "/bin/cat")
	o := start(t, `
path: `+tool(t, "opensnoop")+`
constants: {targ_failed: true}
maps: {events: {per_cpu_buffer: 1048576}}
outputs:
  - map: events
    layout: "__u64 ts; pid_t pid; uid_t uid; int ret; int flags; __u64 callers[2]; char comm[16]; char fname[255];"
    timestamp: ts
    log: {name: open, severity: info, body: "{comm} opened {fname}: {ret}"}
    attributes: {pid: process.pid, fname: file.path, ret: {name: error.type, as: return}, flags: {name: flags, as: hex}}
`, targets(cat))
	var paths []string
	for i := range 50 {
		path := fmt.Sprintf("/nowhere/%d", i)
		paths = append(paths, path)
		_ = exec.Command(cat, path).Run()
	}
	require.NoError(t, exec.Command(cat, "/etc/hostname").Run())
	missing := map[string]int{}
	until(t, "the opened files", func() bool {
		clear(missing)
		for _, r := range o.logRecords() {
			attrs := r.attrs()
			if strings.HasPrefix(attrs["file.path"].(string), "/nowhere/") && attrs["error.type"] == "ENOENT" {
				missing[attrs["file.path"].(string)]++
			}
			assert.NotEqual(t, "/etc/hostname", attrs["file.path"])
		}
		return len(missing) == len(paths)
	})
	o.stop()
	for _, path := range paths {
		assert.Equal(t, 1, missing[path], path)
	}
	for _, r := range o.logRecords() {
		assert.InDelta(t, float64(r.ObservedTimestamp()), float64(r.Timestamp()), 1e9, "it leaves the time at 0")
		assert.Equal(t, "watched", r.resource["service.name"])
		assert.Equal(t, plog.SeverityNumberInfo, r.SeverityNumber())
	}
}

// sigsnoop has the type of its records, but not in its map.
func TestLiveSigsnoop(t *testing.T) {
	livetest.Tracefs(t)
	o := start(t, `
path: `+tool(t, "sigsnoop")+`
programs: [kill_entry, kill_exit]
outputs:
  - map: events
    type: event
    metric: {name: signals, type: sum, unit: "{signal}"}
    attributes: {sig: {name: signal, as: signal}, tpid: target}
    process: none
`, "")
	cmd := exec.Command("/bin/bash", "-c", `trap : USR1; for i in {1..37}; do kill -USR1 $$; done; kill -0 $$`)
	require.NoError(t, cmd.Run())
	until(t, "37 signals", func() bool {
		for _, p := range o.points("signals") {
			if p.attrs["target"] == int64(cmd.Process.Pid) && p.attrs["signal"] == "SIGUSR1" {
				return p.number == 37
			}
		}
		return false
	})
	o.stop()
}

// softirqs counts into global variables; the kernel counts, too.
func TestLiveSoftirqs(t *testing.T) {
	section := `
path: ` + tool(t, "softirqs") + `
programs: [softirq_entry, softirq_exit]
constants: {targ_dist: true, targ_ns: true}
outputs:
  - global: hists
    metric: {name: softirq.duration, type: exponential_histogram, unit: ns}
    attributes: {key: softirq}
`
	before := softirqs(t)
	o := start(t, section, "")
	started := softirqs(t)
	for range 10 {
		happen(t)
	}
	stopping := softirqs(t)
	o.stop()
	after := softirqs(t)
	points := o.points("softirq.duration")
	require.Len(t, points, 10)
	for _, p := range points {
		vector := p.attrs["softirq"].(int64)
		count := float64(p.exp.Count())
		// It counts between the two moments at which it was started and stopped.
		assert.GreaterOrEqual(t, count, 0.98*float64(stopping[vector]-started[vector])-5, "vector %d", vector)
		assert.LessOrEqual(t, count, float64(after[vector]-before[vector])+5, "vector %d", vector)
	}
	assert.Positive(t, points[1].exp.Count(), "timers")
}

// softirqs are the counts of /proc/softirqs, by vector.
func softirqs(t testing.TB) []uint64 {
	t.Helper()
	text, err := os.ReadFile("/proc/softirqs")
	require.NoError(t, err)
	var all []uint64
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		var sum uint64
		for _, field := range strings.Fields(line)[1:] {
			n, err := strconv.ParseUint(field, 10, 64)
			require.NoError(t, err)
			sum += n
		}
		all = append(all, sum)
	}
	return all
}

// runqlat has a histogram of each process in a hash; the kernel tells how often a process
// was put on a CPU. Its two variants are in one object.
func TestLiveRunqlat(t *testing.T) {
	path := tool(t, "runqlat")
	o := start(t, fmt.Sprintf(`
variants:
  - {name: tp_btf, path: %[1]s, programs: [sched_wakeup, sched_wakeup_new, sched_switch]}
  - {name: raw_tp, path: %[1]s, programs: [handle_sched_wakeup, handle_sched_wakeup_new, handle_sched_switch]}
constants: {targ_per_process: true}
outputs:
  - map: hists
    metric: {name: runq.latency, type: histogram, unit: s, scale: 1e-6}
    attributes: {key: process.pid, comm: thread.name}
    process: none
`, path), "")
	cmd := exec.Command("/usr/bin/python3", "-S", "-c", `
import time
for _ in range(200): time.sleep(0.002)
print(open("/proc/self/schedstat").read(), flush=True)
time.sleep(1)`)
	out, err := cmd.Output()
	require.NoError(t, err)
	fields := strings.Fields(string(out))
	require.Len(t, fields, 3)
	waited, err := strconv.ParseFloat(fields[1], 64) // ns
	require.NoError(t, err)
	timeslices, err := strconv.ParseFloat(fields[2], 64)
	require.NoError(t, err)
	time.Sleep(300 * time.Millisecond)
	o.stop()
	for _, p := range o.points("runq.latency") {
		if p.attrs["process.pid"] != int64(cmd.Process.Pid) {
			continue
		}
		t.Logf("%d waits, the kernel says %v", p.hist.Count(), timeslices)
		assert.InEpsilon(t, timeslices, float64(p.hist.Count()), 0.15)
		assert.NotEmpty(t, p.attrs["thread.name"])
		// A histogram has no sum: the most that its buckets can stand for. There is no least:
		// of wakeups on idle processors 6.18 counts a wait of 0 ns, and runqlat some 10 µs.
		var most float64
		bounds := p.hist.ExplicitBounds().AsRaw()
		for i, n := range p.hist.BucketCounts().AsRaw() {
			most += float64(n) * (bounds[min(i, len(bounds)-1)] + 1e-6)
		}
		assert.GreaterOrEqual(t, 1.5*most, waited/1e9)
		return
	}
	t.Error("nothing was seen of the process")
}

// offcputime leaves the size of its map of stacks to its loader. What it says of how long a
// program slept, and where, is in a hash whose key has the stacks.
func TestLiveOffcputime(t *testing.T) {
	sleep := copyOf(t, "/bin/sleep")
	o := start(t, `
path: `+tool(t, "offcputime")+`
maps: {stackmap: {max_entries: 4096, value_size: 1016}}
outputs:
  - map: info
    metric: {name: off_cpu.time, type: sum, unit: s, value: delta, scale: 1e-6}
    attributes:
      key.tgid: process.pid
      key.user_stack_id: {name: user, as: user_stack, stacks: stackmap, pid: key.tgid}
      key.kern_stack_id: {name: kernel, as: kernel_stack, stacks: stackmap}
`, targets(sleep))
	began := time.Now()
	cmd := exec.Command(sleep, "60") // where it sleeps is in its own memory: it must live while that is read
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	var found point
	until(t, "the time off the processors", func() bool {
		time.Sleep(250 * time.Millisecond)
		// It tells of a sleep when that ends.
		require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
		require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
		for _, p := range o.points("off_cpu.time") {
			user, _ := p.attrs["user"].(string)
			if p.attrs["process.pid"] == int64(cmd.Process.Pid) && strings.Contains(user, "nanosleep") && p.number > 0.2 {
				found = p
				return true
			}
		}
		return false
	})
	took := time.Since(began).Seconds()
	o.stop()
	t.Log(found.number, found.attrs)
	assert.Less(t, found.number, took)
	assert.Contains(t, found.attrs["kernel"], "nanosleep")
	assert.Equal(t, "watched", found.resource["service.name"])
}

// biolatency reads an argument that only old kernels have, after it has asked for the
// kernel's version: it is not refused.
func TestLiveVersionIsAsked(t *testing.T) {
	data, err := os.ReadFile(tool(t, "biolatency"))
	require.NoError(t, err)
	spec, err := objects.Parse(data)
	require.NoError(t, err)
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	report, err := compat.Check(k, spec, []string{"block_rq_insert", "block_rq_issue", "block_rq_complete"})
	require.NoError(t, err)
	assert.NotEqual(t, compat.Unsupported, report.Answer(), "%v", report.Reasons(compat.Unsupported))
	needs, err := compat.Needs(spec, nil)
	require.NoError(t, err)
	assert.True(t, slices.ContainsFunc(needs, func(n compat.Need) bool { return n.Name == "LINUX_KERNEL_VERSION" }))
}

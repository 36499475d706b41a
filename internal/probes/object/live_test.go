// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// sums gives the values of a metric of the receiver's own by probe.
func sums(data metricdata.Aggregation) map[string]int64 {
	found := map[string]int64{}
	if s, ok := data.(metricdata.Sum[int64]); ok {
		for _, p := range s.DataPoints {
			v, _ := p.Attributes.Value("probe")
			found[v.AsString()] += p.Value
		}
	}
	return found
}

// balanced checks the account after the end.
func (o *observed) balanced(delivered int) {
	o.t.Helper()
	until(o.t, "the account to be renewed", func() bool { return o.account()["delivered"] >= int64(delivered) })
	a := o.account()
	assert.Equal(o.t, a["seen"], a["delivered"]+a["filtered"]+a["lost"], "%v", a)
	assert.Zero(o.t, a["lost"], "%v", a)
}

// A span from a ring buffer: each end of a shell is one, with its exit code.
func TestLiveSpans(t *testing.T) {
	sh := copyOf(t, "/bin/sh")
	o := start(t, `
path: `+object("runs")+`
losses: {ring_full: dropped}
outputs:
  - map: runs
    process: id.pid
    clock: boot
    span: {name: "run {comm}", start: start, end: end, error: status, error_if: not_zero, trace_key: [id.parent], span_key: [id.pid, start]}
    attributes: {id.pid: process.pid, id.parent: process.parent_pid, status: process.exit.code}
`, targets(sh))
	type run struct {
		code          int
		before, after time.Time
	}
	runs := map[int64]run{}
	for i := range 20 {
		r := run{code: i % 3, before: time.Now()}
		cmd := exec.Command(sh, "-c", fmt.Sprintf("sleep 0.01; exit %d", r.code))
		_ = cmd.Run()
		r.after = time.Now()
		runs[int64(cmd.Process.Pid)] = r
	}
	until(t, "20 spans", func() bool { return o.traces.SpanCount() >= 20 })
	o.balanced(20)
	o.stop()
	spans := o.spans()
	require.Len(t, spans, 20)
	traces := map[string]bool{}
	for _, s := range spans {
		attrs := raw(s.Attributes())
		r, ok := runs[attrs["process.pid"].(int64)]
		require.True(t, ok, "%v", attrs)
		delete(runs, attrs["process.pid"].(int64))
		assert.Equal(t, "run observed", s.Name())
		assert.EqualValues(t, r.code, attrs["process.exit.code"])
		assert.EqualValues(t, os.Getpid(), attrs["process.parent_pid"])
		assert.WithinRange(t, s.StartTimestamp().AsTime(), r.before.Add(-20*time.Millisecond), r.after)
		assert.WithinRange(t, s.EndTimestamp().AsTime(), s.StartTimestamp().AsTime().Add(10*time.Millisecond), r.after.Add(20*time.Millisecond))
		assert.Equal(t, "watched", s.resource["service.name"])
		if r.code == 0 {
			assert.Equal(t, ptrace.StatusCodeUnset, s.Status().Code())
		} else {
			assert.Equal(t, ptrace.StatusCodeError, s.Status().Code())
			assert.Equal(t, fmt.Sprint(r.code), attrs["error.type"])
		}
		traces[s.TraceID().String()] = true
		assert.False(t, s.SpanID().IsEmpty())
	}
	assert.Len(t, traces, 1, "they have one parent, and so one trace")
}

// A span of two records, which are in one buffer or in two: each time that sleep sleeps, as long
// as it was told to.
func TestLivePairs(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the object reads registers of amd64")
	}
	const clockNanosleep = 230
	sleep := copyOf(t, "/bin/sleep")
	for name, pair := range map[string]string{
		"one buffer":  "{key: [thread], begin: {phase: BEGIN}, end: {phase: END}}",
		"two buffers": "{key: [thread], begin_key: [id], begin_map: beginnings, end: {phase: END}}",
	} {
		t.Run(name, func(t *testing.T) {
			since, apart := "begin.time", false
			if name == "two buffers" {
				since, apart = "since", true
			}
			o := start(t, fmt.Sprintf(`
path: %s
constants: {number: %d, apart: %t}
losses: {ring_full: dropped}
outputs:
  - map: calls
    pair: %s
    process: pid
    span: {name: "{end.comm}", start: %s, end: end.time, error: ret}
    attributes: {pid: process.pid}
`, object("calls"), clockNanosleep, apart, pair, since), targets(sleep))
			type nap struct{ asked, most time.Duration }
			naps := map[int64]nap{}
			for i := range 12 {
				asked := time.Duration(20+10*(i%3)) * time.Millisecond
				before := time.Now()
				cmd := exec.Command(sleep, fmt.Sprint(asked.Seconds()))
				require.NoError(t, cmd.Run())
				naps[int64(cmd.Process.Pid)] = nap{asked, time.Since(before)}
			}
			until(t, "12 spans", func() bool { return o.traces.SpanCount() >= 12 })
			o.balanced(24)
			assert.EqualValues(t, 24, o.account()["delivered"], "the unit is a record")
			o.stop()
			spans := o.spans()
			require.Len(t, spans, 12)
			for _, s := range spans {
				pid := raw(s.Attributes())["process.pid"].(int64)
				n, ok := naps[pid]
				require.True(t, ok)
				delete(naps, pid)
				took := s.EndTimestamp().AsTime().Sub(s.StartTimestamp().AsTime())
				assert.GreaterOrEqual(t, took, n.asked)
				assert.LessOrEqual(t, took, n.most)
				assert.Equal(t, "observed", s.Name())
				assert.Equal(t, "watched", s.resource["service.name"])
			}
		})
	}
}

// Log records from a perf buffer, whose type is declared in the configuration; a constant
// leaves out other users.
func TestLiveLogsOfPerfBuffer(t *testing.T) {
	program := copyOf(t, "/bin/true")
	const nobody = 65534
	o := start(t, fmt.Sprintf(`
path: %s
constants: {only_uid: %d, without: BY_ROOT}
outputs:
  - map: execs
    layout: |
      struct exec { u64 time; u32 pid, uid; u16 kind : 3, length : 13; char comm[16]; char file[64]; };
    timestamp: time
    process: none
    log: {name: exec, severity: warn, body: "{comm} of {uid}: {file} ({length})"}
    attributes:
      pid: process.pid
      uid: {name: user.name, as: user}
      kind: {enum: kind}
      time: {name: at, as: ktime}
      file: process.executable.path
`, object("execlog"), nobody), "")
	before := time.Now()
	pids := map[int64]bool{}
	for range 25 {
		for _, uid := range []uint32{0, nobody} {
			cmd := exec.Command(program)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: nobody}}
			require.NoError(t, cmd.Run())
			if uid == nobody {
				pids[int64(cmd.Process.Pid)] = true
			}
		}
	}
	until(t, "25 records", func() bool { return o.logs.LogRecordCount() >= 25 })
	o.balanced(25)
	o.stop()
	records := o.logRecords()
	require.Len(t, records, 25)
	for _, r := range records {
		attrs := r.attrs()
		assert.True(t, pids[attrs["process.pid"].(int64)])
		delete(pids, attrs["process.pid"].(int64))
		assert.Equal(t, "nobody", attrs["user.name"])
		assert.Equal(t, "BY_USER", attrs["kind"])
		assert.Equal(t, program[:min(len(program), 63)], attrs["process.executable.path"])
		assert.Equal(t, "exec", r.EventName())
		assert.Equal(t, plog.SeverityNumberWarn, r.SeverityNumber())
		assert.Equal(t, fmt.Sprintf("observed of nobody: %s (%d)", program[:min(len(program), 63)], min(len(program), 63)), r.Body().Str())
		assert.WithinRange(t, r.Timestamp().AsTime(), before.Add(-10*time.Millisecond), time.Now())
		at, err := time.Parse(time.RFC3339Nano, attrs["at"].(string))
		require.NoError(t, err)
		assert.WithinDuration(t, r.Timestamp().AsTime(), at, 10*time.Millisecond)
	}
}

// Histograms of a per-CPU map and a sum of a hash: of writes whose sizes are known.
func TestLiveMaps(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", `read go; exec dd if=/dev/zero of=/dev/null bs=1000 count=300 status=none`)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	o := start(t, fmt.Sprintf(`
path: %s
constants: {only_pid: %d}
outputs:
  - map: sizes
    metric: {name: write.size, type: exponential_histogram, unit: By}
  - map: sizes
    metric: {name: write.size.explicit, type: histogram, unit: By}
  - map: sizes
    metric: {name: write.io, type: sum, unit: By, value: bytes}
  - map: calls
    metric: {name: write.calls, type: sum}
    attributes: {key.pid: process.pid, key.comm: comm}
    process: none
  - map: by_cpu
    metric: {name: write.cpu, type: sum, cpus: each}
  - map: by_cpu
    metric: {name: write.most, type: gauge, cpus: max}
  - global: largest
    metric: {name: write.largest, type: gauge, unit: By}
`, object("writes"), cmd.Process.Pid), "")
	_, err = stdin.Write([]byte("go\n"))
	require.NoError(t, err)
	require.NoError(t, cmd.Wait())
	until(t, "the writes", func() bool { p := o.points("write.calls"); return len(p) == 1 && p[0].number >= 300 })
	time.Sleep(300 * time.Millisecond)
	o.stop()

	calls := o.points("write.calls")
	require.Len(t, calls, 1)
	assert.EqualValues(t, 300, calls[0].number)
	assert.Equal(t, map[string]any{"process.pid": int64(cmd.Process.Pid), "comm": "dd"}, calls[0].attrs)
	assert.True(t, calls[0].metric.Sum().IsMonotonic())

	exp := o.points("write.size")
	require.Len(t, exp, 1)
	assert.EqualValues(t, 300, exp[0].exp.Count())
	counts := exp[0].exp.Positive().BucketCounts().AsRaw()
	require.Len(t, counts, 10) // 512 to 1023 is the tenth
	assert.EqualValues(t, 300, counts[9])
	assert.Empty(t, exp[0].attrs)

	hist := o.points("write.size.explicit")
	require.Len(t, hist, 1)
	bounds := hist[0].hist.ExplicitBounds().AsRaw()
	require.Len(t, bounds, 19)
	assert.Equal(t, []float64{511, 1023}, bounds[8:10])
	assert.EqualValues(t, 300, hist[0].hist.BucketCounts().At(9))

	io := o.points("write.io")
	require.Len(t, io, 1)
	assert.EqualValues(t, 300_000, io[0].number)

	var total, most float64
	for _, p := range o.points("write.cpu") {
		assert.Contains(t, p.attrs, "cpu.logical_number")
		total += p.number
		most = max(most, p.number)
	}
	assert.EqualValues(t, 300, total)
	assert.Len(t, o.points("write.cpu"), runtime.NumCPU())
	assert.Equal(t, most, o.points("write.most")[0].number)

	largest := o.points("write.largest")
	require.Len(t, largest, 2)
	assert.Equal(t, pmetric.MetricTypeGauge, largest[1].metric.Type())
	for _, p := range largest {
		assert.EqualValues(t, map[int64]float64{0: 0, 1: 1000}[p.attrs["key"].(int64)], p.number)
	}
}

// A gauge from an iterator, under the resource of each process.
func TestLiveIterator(t *testing.T) {
	sleep := copyOf(t, "/usr/bin/python3")
	cmd := exec.Command(sleep, "-c", `
import threading, time
for _ in range(6): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
time.sleep(60)`)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	o := start(t, `
path: `+object("threads")+`
outputs:
  - iter: count_threads
    type: threads
    metric: {name: process.thread.count, type: gauge, unit: "{thread}", value: number}
`, targets(sleep))
	until(t, "seven threads", func() bool {
		p := o.points("process.thread.count")
		return len(p) == 1 && p[0].number == 7
	})
	o.balanced(1)
	o.stop()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	require.NoError(t, err)
	assert.Contains(t, string(status), "Threads:\t7\n")
	p := o.points("process.thread.count")[0]
	assert.Equal(t, map[string]any{"process.pid": int64(cmd.Process.Pid)}, p.attrs)
	assert.Equal(t, "watched", p.resource["service.name"])
	assert.Equal(t, "{thread}", p.metric.Unit())
}

// Static probes and a uprobe: what Python says of itself.
func TestLiveUserSpace(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the object is compiled for amd64")
	}
	if _, err := os.Stat("/usr/bin/python3.11"); err != nil {
		t.Skip("needs Debian's python3.11")
	}
	o := start(t, `
path: `+object("python")+`
losses: {ring_full: dropped}
outputs:
  - map: imports
    timestamp: time
    log: {name: python.import, body: "imported {module}"}
    attributes: {pid: process.pid, module: code.module, found: found}
  - map: asked
    metric: {name: getppid.calls, type: sum}
    attributes: {key: process.pid}
`, targets("/usr/bin/python3.11"))
	cmd := exec.Command("/usr/bin/python3.11", "-S", "-c", `
import os, colorsys, json
try:
    import no_such_module
except ImportError:
    pass
for _ in range(123): os.getppid()
import time; time.sleep(1)`)
	require.NoError(t, cmd.Run())
	modules := map[string]int64{}
	until(t, "the import of json", func() bool {
		for _, r := range o.logRecords() {
			modules[r.attrs()["code.module"].(string)] = r.attrs()["found"].(int64)
		}
		return modules["colorsys"] == 1 && modules["json"] == 1
	})
	until(t, "the calls", func() bool { p := o.points("getppid.calls"); return len(p) == 1 && p[0].number == 123 })
	o.stop()
	assert.Equal(t, int64(1), modules["json.decoder"])
	found, asked := modules["no_such_module"]
	assert.True(t, asked)
	assert.Zero(t, found)
	assert.Equal(t, map[string]any{"process.pid": int64(cmd.Process.Pid)}, o.points("getppid.calls")[0].attrs)
	for _, r := range o.logRecords() {
		assert.Equal(t, "imported "+r.attrs()["code.module"].(string), r.Body().Str())
		assert.EqualValues(t, cmd.Process.Pid, r.resource["process.pid"])
	}
}

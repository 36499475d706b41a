// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// everyInstrument is a section with all of them, as they are without a configuration.
func everyInstrument() string {
	var b strings.Builder
	b.WriteString("probes:\n")
	for _, f := range probes.All() {
		if f.Manifest.Kind == probe.Instrument {
			fmt.Fprintf(&b, "  %s: {}\n", f.Manifest.Name)
		}
	}
	return b.String()
}

// onCPU is how long the threads of a process were on a processor.
func onCPU(t testing.TB, pid int) (sum time.Duration) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	require.NoError(t, err)
	for _, task := range tasks {
		var ns int64
		text, err := os.ReadFile(task)
		if err != nil {
			continue // it ended
		}
		_, err = fmt.Sscan(string(text), &ns)
		require.NoError(t, err)
		sum += time.Duration(ns)
	}
	return sum
}

// begun is how many processes and threads this host has begun since it runs.
func begun(t testing.TB) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "processes %d", &n); err == nil {
			return n
		}
	}
	t.Fatal("/proc/stat does not tell of processes")
	return 0
}

// At rest, with 300 processes that sleep, the collector takes less than a hundredth of one core,
// also with every Instrument. Only seconds in which nothing was begun on this host, as in the one
// before, are at rest: others may work on it, and their traffic is observed as well. So other runs only
// see to it that it is not many times as much; EBPFRECEIVER_IDLE=60s, where nothing else runs, watches for so
// long, and what the receiver does by default, too.
func TestIdleCost(t *testing.T) {
	live(t)
	watch, most := 12*time.Second, 40*time.Millisecond
	sections := map[string]string{"every instrument": everyInstrument()}
	if text := os.Getenv("EBPFRECEIVER_IDLE"); text != "" {
		var err error
		watch, err = time.ParseDuration(text)
		require.NoError(t, err)
		sections["default"], most = "", 10*time.Millisecond
	}
	for range 300 {
		start(t, exec.Command("/bin/sleep", "600"))
	}
	for name, section := range sections {
		t.Run(name, func(t *testing.T) {
			c := startCollector(t, "collection_interval: 10s\n"+section)
			c.countOnly = true
			time.Sleep(4 * time.Second) // what there is to be found has been found
			before, _ := c.accounts(t)
			all, atRest := c.costs(t, watch)
			after, _ := c.accounts(t)
			for name, a := range after {
				if b := before[name]; b != nil && a.seen > b.seen {
					t.Logf("%s has seen %d events meanwhile", name, a.seen-b.seen)
				}
			}
			if name != "default" {
				assert.NotEmpty(t, c.pointsOf("ebpf.scheduler.on_cpu.time", func(attrs) bool { return true }))
			}
			t.Logf("a second takes %v of CPU in all %d, %v in %d at rest: %v; %d MiB resident", mean(all), len(all), mean(atRest), len(atRest), atRest, resident(t, c.pid())>>20)
			if len(atRest) < 5 {
				t.Skip("others begin processes on this host all the time: it is never at rest")
			}
			assert.Less(t, mean(atRest), most)
		})
	}
}

// costs are the times on processors of each second, and those of seconds at rest.
func (c *collector) costs(t testing.TB, watch time.Duration) (all, atRest []time.Duration) {
	t.Helper()
	quiet := 0
	cpu, processes := onCPU(t, c.pid()), begun(t)
	for end := time.Now().Add(watch); time.Now().Before(end); {
		time.Sleep(time.Second)
		cpuNow, processesNow := onCPU(t, c.pid()), begun(t)
		quiet++
		if processesNow != processes {
			quiet = 0
		}
		all = append(all, cpuNow-cpu)
		if quiet >= 2 {
			atRest = append(atRest, cpuNow-cpu)
		}
		cpu, processes = cpuNow, processesNow
	}
	return all, atRest
}

func mean(of []time.Duration) (sum time.Duration) {
	for _, d := range of {
		sum += d
	}
	return sum / time.Duration(max(1, len(of)))
}

// copied puts a program of the system into a folder, where nothing else runs it.
func copied(t testing.TB, name, dir string) string {
	t.Helper()
	text, err := os.ReadFile(program(t, name))
	require.NoError(t, err)
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, text, 0o700))
	return path
}

// Short processes, as fast as 20,000 in two minutes, with every Instrument: all are counted, what
// the kernel and the collector keep of them is given back, and memory does not grow.
// EBPFRECEIVER_SHORT=20000 runs that many.
func TestShortProcesses(t *testing.T) {
	live(t)
	n := 1500
	if text := os.Getenv("EBPFRECEIVER_SHORT"); text != "" {
		_, err := fmt.Sscan(text, &n)
		require.NoError(t, err)
	}
	program := copied(t, "true", t.TempDir())
	// Each process makes thirty different calls: all tables have the sizes that they have by default.
	c := startCollector(t, "collection_interval: 1s\n"+everyInstrument())
	c.countOnly = true

	pids := make(map[int64]int, n) // how often each was used
	var half int
	began, each := time.Now(), 2*time.Minute/20000
	for i := range n {
		if i == n/2 {
			half = resident(t, c.pid())
		}
		time.Sleep(time.Until(began.Add(time.Duration(i) * each)))
		cmd := exec.Command(program)
		require.NoError(t, cmd.Run())
		pids[int64(cmd.Process.Pid)]++
	}
	took := time.Since(began)
	of := func(name string) int {
		return len(c.eventsOf(func(e event) bool { return e.name == name && e.attrs["process.executable.path"] == program }))
	}
	for end := time.Now().Add(10 * time.Second); of("process.exit") < n && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	ours := func(p point) bool { pid, _ := p.resource["process.pid"].(int64); return pids[pid] > 0 }
	series := func(metric string) int {
		found := map[string]bool{}
		for _, p := range c.pointsOf(metric, func(attrs) bool { return true }) {
			if ours(p) {
				found[fmt.Sprint(p.resource["service.instance.id"])] = true
			}
		}
		return len(found)
	}
	complete := func() bool { return min(series("process.paging.faults"), series("process.context_switches")) == n }
	for end := time.Now().Add(10 * time.Second); !complete() && time.Now().Before(end); {
		time.Sleep(200 * time.Millisecond)
	}
	unseen := maps.Clone(pids)
	for _, e := range c.eventsOf(func(e event) bool { return e.name == "process.exit" }) {
		delete(unseen, e.attrs["process.pid"].(int64))
	}
	assert.Empty(t, unseen)
	for _, e := range c.eventsOf(func(e event) bool {
		return pids[e.attrs["process.pid"].(int64)] > 0 && e.attrs["process.executable.path"] != program
	}) {
		t.Logf("of another executable: %s %s %v", e.name, e.body, e.attrs)
	}
	assert.Equal(t, n, of("process.exec"))
	assert.Equal(t, n, of("process.exit"))
	assert.Equal(t, n, series("process.context_switches"))
	assert.Equal(t, n, series("process.paging.faults"))
	for _, metric := range []string{"process.context_switches", "process.paging.faults", "ebpf.syscall.duration"} {
		wrong := c.pointsOf(metric, func(a attrs) bool {
			pid, _ := a["process.pid"].(int64)
			return pids[pid] > 0 && a["process.executable.path"] != program
		})
		if assert.Empty(t, wrong, "%s of another executable", metric) {
			continue
		}
		for _, p := range c.pointsOf(metric, func(a attrs) bool { return a["process.pid"] == wrong[0].resource["process.pid"] }) {
			t.Logf("%v of %v: %v", p.count, p.attrs, p.resource["process.executable.path"])
		}
	}
	accounts, _ := c.accounts(t)
	for name, a := range accounts {
		if name == "blockio" {
			delete(a.lost, "missed") // some machines run no program while they complete requests
		}
		assert.Zero(t, a.totalLost(), "%s: %v", name, a.lost)
	}

	time.Sleep(2500 * time.Millisecond)
	c.forget()
	time.Sleep(2500 * time.Millisecond)
	assert.NotEmpty(t, c.pointsOf("process.context_switches", func(attrs) bool { return true }), "the others go on")
	assert.Zero(t, series("process.context_switches"))
	assert.Zero(t, series("process.paging.faults"))
	left, end := kept(t, pids), resident(t, c.pid())
	t.Logf("%d processes in %v; resident %d MiB at half, %d MiB at the end; left in the kernel: %v", n, took.Round(time.Millisecond), half>>20, end>>20, left)
	for name, count := range left {
		assert.Zero(t, count, "%s keeps what ended", name)
	}
	assert.Less(t, end-half, 32<<20)
}

// The end of a process that is a target is the same to all Instruments that look at it, also
// of one that lasts no longer than a moment.
func TestEndsOfTargets(t *testing.T) {
	live(t)
	program := copied(t, "sh", t.TempDir())
	c := startCollector(t, "collection_interval: 1s\ntargets: [{exe: "+program+"}]\nprobes: {memory: {}, process: {}, scheduler: {}, signals: {}}\n")
	const n = 50
	pids := map[int64]bool{}
	for range n {
		cmd := exec.Command(program, "-c", "kill -KILL $$")
		require.Error(t, cmd.Run())
		pids[int64(cmd.Process.Pid)] = true
	}
	said := func(name string) int {
		return len(c.eventsOf(func(e event) bool {
			pid, _ := e.attrs["process.pid"].(int64)
			return e.name == name && pids[pid] && strings.Contains(e.body, "SIGKILL, which it sent itself")
		}))
	}
	series := func(metric string) int {
		found := map[any]bool{}
		for _, p := range c.pointsOf(metric, func(attrs) bool { return true }) {
			if pid, _ := p.resource["process.pid"].(int64); pids[pid] {
				found[pid] = true
			}
		}
		return len(found)
	}
	counts := func() [4]int {
		return [4]int{said("ebpf.process.signal"), said("process.exit"), series("process.paging.faults"), series("process.context_switches")}
	}
	want := [4]int{n, n, n, n}
	for end := time.Now().Add(10 * time.Second); counts() != want && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	assert.Equal(t, want, counts(), "signals, exits, faults, switches")
}

// kept counts what the maps whose keys begin with a process still have of those.
func kept(t testing.TB, pids map[int64]int) map[string]int {
	t.Helper()
	left := map[string]int{}
	for id, err := ebpf.MapGetNextID(0); ; id, err = ebpf.MapGetNextID(id) {
		if errors.Is(err, os.ErrNotExist) {
			return left
		}
		require.NoError(t, err)
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			continue // it is gone
		}
		info, err := m.Info()
		require.NoError(t, err)
		switch info.Name {
		case "sched_values", "memory_faults", "memory_stalls", "tcp_values", "udp_values", "syscall_values", "syscall_failed":
			left[info.Name] += 0
			key, value := make([]byte, m.KeySize()), make([]byte, m.ValueSize())
			for entries := m.Iterate(); entries.Next(&key, &value); {
				if pids[int64(binary.NativeEndian.Uint32(key[8:]))] > 0 {
					left[info.Name]++
				}
			}
		}
		require.NoError(t, m.Close())
	}
}

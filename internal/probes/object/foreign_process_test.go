// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package object_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// foreignProcesses are the objects that observe processes and the kernel.
func foreignProcesses(t testing.TB) []foreigner {
	program := func() string {
		path := filepath.Join(t.TempDir(), "probed")
		require.NoError(t, os.WriteFile(path, probed, 0o755))
		return path
	}
	return append([]foreigner{
		exits(), opens(), pages(t), runQueue(), runQueueLengths(t), softirq(t), uprobed(program()), static(program()),
	}, execs()...)
}

// exits are the ends of processes, out of a perf buffer, as spans.
func exits() foreigner {
	return foreigner{
		name: "exitsnoop", lacks: nothing,
		section: `
path: %[1]s
outputs:
  - map: events
    layout: "__u64 start_time, exit_time; __u32 pid, tid, ppid, sig; int exit_code; char comm[16];"
    process: pid
    span: {name: "exit {comm}", start: start_time, end: exit_time, error: exit_code, error_if: not_zero}
    attributes: {pid: process.pid, ppid: process.parent_pid, exit_code: process.exit.code}
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			codes := map[int64]int64{}
			for i := range 5 {
				cmd := child(t, fmt.Sprintf("exit %d", i))
				_ = cmd.Run()
				codes[int64(cmd.Process.Pid)] = int64(cmd.ProcessState.ExitCode())
			}
			return func(t *testing.T) {
				found := map[int64]int64{}
				until(t, "the ends", func() bool {
					for _, s := range o.spans() {
						a := raw(s.Attributes())
						if pid, ok := a["process.pid"].(int64); ok && a["process.exit.code"] != nil {
							if _, mine := codes[pid]; mine {
								found[pid] = a["process.exit.code"].(int64)
								assert.EqualValues(t, os.Getpid(), a["process.parent_pid"])
								assert.Equal(t, "watched", s.resource["service.name"])
							}
						}
					}
					return len(found) == len(codes)
				})
				assert.Equal(t, codes, found)
			}
		},
	}
}

// opens are those that fail, out of a perf buffer.
func opens() foreigner {
	return foreigner{
		name: "opensnoop", lacks: nothing,
		section: `
path: %[1]s
constants: {targ_failed: true}
outputs:
  - map: events
    layout: "__u64 ts; pid_t pid; uid_t uid; int ret; int flags; __u64 callers[2]; char comm[16]; char fname[255];"
    log: {name: open, body: "{comm} opened {fname}: {ret}"}
    attributes: {pid: process.pid, fname: file.path, ret: {name: error.type, as: return}}
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			cmd := child(t, "open 20")
			require.NoError(t, cmd.Run())
			return func(t *testing.T) {
				found := map[string]int{}
				until(t, "the files", func() bool {
					clear(found)
					for _, r := range o.logRecords() {
						if a := r.attrs(); a["process.pid"] == int64(cmd.Process.Pid) && a["error.type"] == "ENOENT" {
							if path := a["file.path"].(string); strings.HasPrefix(path, "/nowhere/") {
								found[path]++
							}
						}
					}
					return len(found) == 20
				})
				for path, n := range found {
					assert.Equal(t, 1, n, path)
				}
			}
		},
	}
}

// pages are the calls for memory, which the kernel counts by pages.
func pages(t testing.TB) foreigner {
	begun := allocated(t)
	return foreigner{
		name: "tracepoint_in_c", lacks: nothing,
		section: `
path: %[1]s
outputs:
  - {map: counting_map, metric: {name: page.allocations, type: sum}}
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			const pages = 2000
			size := os.Getpagesize()
			memory, err := unix.Mmap(-1, 0, pages*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			require.NoError(t, err)
			require.NoError(t, unix.Madvise(memory, unix.MADV_NOHUGEPAGE))
			for i := range pages {
				memory[i*size] = 1
			}
			require.NoError(t, unix.Munmap(memory))
			return func(t *testing.T) {
				until(t, "the pages", func() bool { return o.sum("page.allocations", "", nil) >= pages })
				assert.LessOrEqual(t, o.sum("page.allocations", "", nil), allocated(t)-begun, "a call gets a page or more")
			}
		},
	}
}

// allocated is how many pages the kernel has given out.
func allocated(t testing.TB) (sum float64) {
	t.Helper()
	text, err := os.ReadFile("/proc/vmstat")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "pgalloc_") {
			var name string
			var n float64
			_, err := fmt.Sscan(line, &name, &n)
			require.NoError(t, err)
			sum += n
		}
	}
	return sum
}

// runQueue has a histogram of each process in a hash; its two variants are in one object.
func runQueue() foreigner {
	return foreigner{
		name: "runqlat", lacks: nothing,
		section: `
variants:
  - {name: tp_btf, path: %[1]s, programs: [sched_wakeup, sched_wakeup_new, sched_switch]}
  - {name: raw_tp, path: %[1]s, programs: [handle_sched_wakeup, handle_sched_wakeup_new, handle_sched_switch]}
constants: {targ_per_process: true}
outputs:
  - map: hists
    metric: {name: runq.latency, type: histogram, unit: s, scale: 1e-6}
    attributes: {key: process.pid}
    process: none
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			cmd := child(t, "nap 100")
			out, err := cmd.Output()
			require.NoError(t, err)
			var times float64 // that it was put on a processor, says the kernel
			for line := range strings.Lines(string(out)) {
				var ran, waited, n float64
				_, err := fmt.Sscan(line, &ran, &waited, &n)
				require.NoError(t, err)
				times += n
			}
			return func(t *testing.T) {
				count := func() float64 {
					for _, p := range o.points("runq.latency") {
						if p.attrs["process.pid"] == int64(cmd.Process.Pid) {
							return float64(p.hist.Count())
						}
					}
					return 0
				}
				until(t, "the waits", func() bool { return count() >= 0.8*times })
				t.Logf("%v waits, the kernel says %v", count(), times)
				assert.InDelta(t, times, count(), 0.25*times) // threads that ended take theirs along
			}
		},
	}
}

// runQueueLengths are samples that are taken at a frequency.
func runQueueLengths(t testing.TB) foreigner {
	const frequency = 99
	begun := time.Now()
	return foreigner{
		name: "runqlen",
		lacks: func(k *facts) string {
			if !k.member("cfs_rq", "nr_running") {
				return "field cfs_rq.nr_running: not in struct"
			}
			return ""
		},
		section: `
path: %[1]s
attach: {do_sample: {frequency: 99}}
outputs:
  - {global: hists, metric: {name: runq.length, type: histogram, slot_scale: linear, slot_width: 1}}
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			return func(t *testing.T) {
				samples := func() (n float64) {
					for _, p := range o.points("runq.length") {
						n += float64(p.hist.Count())
					}
					return n
				}
				until(t, "samples", func() bool { return samples() > 20 })
				n := samples()
				took := time.Since(begun).Seconds()
				t.Logf("%v samples in %.1f s", n, took)
				assert.LessOrEqual(t, n, float64(runtime.NumCPU())*(frequency*took*1.05+2))
			}
		},
	}
}

// softirq has histograms in global variables; the kernel counts, too.
func softirq(t testing.TB) foreigner {
	before := softirqs(t)
	return foreigner{
		name: "softirqs", lacks: nothing,
		section: `
path: %[1]s
programs: [softirq_entry, softirq_exit]
constants: {targ_dist: true, targ_ns: true}
outputs:
  - {global: hists, metric: {name: softirq.duration, type: exponential_histogram, unit: ns}, attributes: {key: softirq}}
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			started := softirqs(t)
			connect(t)
			stopping := softirqs(t)
			return func(t *testing.T) {
				const received = 3 // NET_RX
				count := func() uint64 {
					for _, p := range o.points("softirq.duration") {
						if p.attrs["softirq"] == int64(received) {
							return p.exp.Count()
						}
					}
					return 0
				}
				until(t, "the interrupts", func() bool { return count() >= stopping[received]-started[received] })
				n := count()
				assert.LessOrEqual(t, n, softirqs(t)[received]-before[received])
				t.Logf("%d, the kernel says at least %d", n, stopping[received]-started[received])
			}
		},
	}
}

// uprobed measures a function of a program, between a uprobe and a uretprobe. Its sections name
// a function of the kernel that there is not, as its loader never asks for it.
func uprobed(path string) foreigner {
	return foreigner{
		name: "funclatency", lacks: nothing,
		section: `
path: %[1]s
attach:
  dummy_kprobe: {path: ` + path + `, symbols: [answer]}
  dummy_kretprobe: {path: ` + path + `, symbols: [answer]}
outputs:
  - {global: hist, metric: {name: function.duration, type: histogram, unit: ns, slot: key}}
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			_, calls := callAnswer(t, path)
			return func(t *testing.T) {
				until(t, "the calls", func() bool {
					p := o.points("function.duration")
					return len(p) == 1 && p[0].hist.Count() >= calls
				})
				assert.Equal(t, calls, o.points("function.duration")[0].hist.Count())
			}
		},
	}
}

// callAnswer runs the program that calls its function some times, and its static probe.
func callAnswer(t testing.TB, path string) (pid int64, calls uint64) {
	t.Helper()
	cmd := exec.Command(path, "an", "argument")
	cmd.Stdin = strings.NewReader("g")
	require.NoError(t, cmd.Run())
	return int64(cmd.Process.Pid), 15
}

// static measures the time between two static probes. They are the same one here, so that it
// is the time between two calls, or hardly any.
func static(path string) foreigner {
	return foreigner{
		name: "javagc", lacks: nothing, // it reads no argument, and so needs no cookie
		section: `
path: %[1]s
programs: [handle_gc_start, handle_gc_end]
attach:
  handle_gc_start: {path: ` + path + `, provider: observed, probe: call}
  handle_gc_end: {path: ` + path + `, provider: observed, probe: call}
outputs:
  - map: perf_map
    type: data_t
    process: none
    log: {name: between, body: "{ts}"}
    attributes: {pid: process.pid, ts: {name: duration, unit: ns}}
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			began := time.Now()
			pid, calls := callAnswer(t, path)
			took := time.Since(began).Seconds()
			return func(t *testing.T) {
				count := func() (n uint64) {
					for _, r := range o.logRecords() {
						if a := r.attrs(); r.EventName() == "between" && a["process.pid"] == pid {
							n++
							assert.Less(t, a["duration"], took)
						}
					}
					return n
				}
				until(t, "the calls", func() bool { return count() >= calls-1 })
				assert.LessOrEqual(t, count(), calls)
			}
		},
	}
}

// execs count the calls that replace a process's program, in a per-CPU array, and tell of each
// out of a ring buffer.
func execs() []foreigner {
	var pids map[int64]bool
	return []foreigner{
		{
			name: "ringbuffer", lacks: kprobes,
			section: `
path: %[1]s
outputs:
  - map: events
    process: none
    log: {name: exec, body: "{comm}"}
    attributes: {pid: process.pid}
`,
			causes: func(t *testing.T, o *observed) func(t *testing.T) {
				pids = map[int64]bool{}
				for range 5 {
					cmd := child(t, "exit 0")
					require.NoError(t, cmd.Run())
					pids[int64(cmd.Process.Pid)] = true
				}
				return func(t *testing.T) {
					until(t, "the programs", func() bool {
						found := 0
						for _, r := range o.logRecords() {
							if pid, ok := r.attrs()["process.pid"].(int64); ok && r.EventName() == "exec" && pids[pid] {
								found++
							}
						}
						return found == len(pids)
					})
				}
			},
		},
		{
			name: "kprobe_percpu", lacks: kprobes,
			section: `
path: %[1]s
outputs:
  - {map: kprobe_map, metric: {name: execs, type: sum}}
`,
			causes: func(t *testing.T, o *observed) func(t *testing.T) {
				return func(t *testing.T) {
					until(t, "the calls", func() bool { return o.sum("execs", "", nil) >= float64(len(pids)) })
				}
			},
		},
	}
}

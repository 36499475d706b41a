// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object_test

import (
	"embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// The objects, for guests that have nothing but the test's binary.
//
//go:embed testdata/*_bpfel.o
var embedded embed.FS

// role is the variable that makes the test's binary a program to observe.
const role = "OBJECT_TEST_ROLE"

func TestMain(m *testing.M) {
	what, arg, _ := strings.Cut(os.Getenv(role), " ")
	if what == "" {
		os.Exit(m.Run())
	}
	n, _ := strconv.Atoi(arg)
	if err := play(what, n); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// play does what a program to observe does.
func play(what string, n int) error {
	wait := func() { _, _ = os.Stdin.Read(make([]byte, 1)) }
	switch what {
	case "exit":
		os.Exit(n)
	case "write":
		wait()
		null, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		for range n {
			if _, err := null.Write(make([]byte, 1000)); err != nil {
				return err
			}
		}
	case "sleep":
		time.Sleep(time.Duration(n) * time.Second)
	case "open": // what is not there
		for i := range n {
			_, _ = os.Open(fmt.Sprintf("/nowhere/%d", i))
		}
	case "nap": // n times, and tell how often the kernel gave it a processor
		runtime.LockOSThread()
		for range n {
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 2e6}, nil)
		}
		all, err := filepath.Glob("/proc/self/task/*/schedstat")
		if err != nil {
			return err
		}
		for _, path := range all {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if _, err := os.Stdout.Write(text); err != nil {
				return err
			}
		}
	case "send": // datagrams to that port
		wait()
		c, err := net.Dial("udp4", fmt.Sprintf("127.0.0.1:%d", n))
		if err != nil {
			return err
		}
		for range datagrams {
			if _, err := c.Write([]byte("x")); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("there is no role %q", what)
	}
	return nil
}

// datagrams are how many a program sends.
const datagrams = 150

// unpack writes an object where the receiver may read it.
func unpack(t testing.TB, name string) string {
	t.Helper()
	data, err := embedded.ReadFile("testdata/" + name + "_bpfel.o")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name+".bpf.o")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// child is this binary in a role.
func child(t testing.TB, what string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), role+"="+what)
	return cmd
}

// inGuest leaves out, on other machines, what the live tests show there with programs that
// nobody here wrote.
func inGuest(t testing.TB) {
	t.Helper()
	livetest.RequireRoot(t)
	if os.Getenv(kernels.InGuest) == "" {
		t.Skip("is for guests: see internal/kernels")
	}
}

// What objects of each kind say is right on each kernel.
func TestAnyKernelObjects(t *testing.T) {
	inGuest(t)
	self, err := os.Executable()
	require.NoError(t, err)

	t.Run("span", func(t *testing.T) {
		o := start(t, `
path: `+unpack(t, "runs")+`
losses: {ring_full: dropped}
outputs:
  - map: runs
    process: id.pid
    clock: boot
    span: {name: "run {comm}", start: start, end: end, error: status, error_if: not_zero}
    attributes: {id.pid: process.pid, status: process.exit.code}
`, targets(self))
		codes := map[int64]int64{}
		for i := range 10 {
			cmd := child(t, fmt.Sprintf("exit %d", i))
			_ = cmd.Run()
			codes[int64(cmd.Process.Pid)] = int64(i)
		}
		until(t, "10 spans", func() bool { return o.traces.SpanCount() >= 10 })
		o.balanced(10)
		o.stop()
		for _, s := range o.spans() {
			attrs := raw(s.Attributes())
			assert.Equal(t, codes[attrs["process.pid"].(int64)], attrs["process.exit.code"])
			assert.Greater(t, s.EndTimestamp(), s.StartTimestamp())
			assert.Equal(t, "watched", s.resource["service.name"])
		}
	})

	t.Run("log", func(t *testing.T) {
		o := start(t, `
path: `+unpack(t, "execlog")+`
outputs:
  - map: execs
    layout: "u64 time; u32 pid, uid; u16 kind : 3, length : 13; char comm[16]; char file[64];"
    timestamp: time
    log: {name: exec, body: "{file}"}
    attributes: {pid: process.pid, kind: {enum: kind}}
`, targets(self))
		pids := map[int64]bool{}
		for range 10 {
			cmd := child(t, "exit 0")
			require.NoError(t, cmd.Run())
			pids[int64(cmd.Process.Pid)] = true
		}
		until(t, "10 records", func() bool { return o.logs.LogRecordCount() >= 10 })
		o.stop()
		for _, r := range o.logRecords() {
			assert.True(t, pids[r.attrs()["process.pid"].(int64)])
			assert.Equal(t, "BY_ROOT", r.attrs()["kind"])
			assert.Equal(t, self[:min(len(self), 63)], r.Body().Str())
			assert.WithinRange(t, r.Timestamp().AsTime(), time.Now().Add(-time.Minute), time.Now())
		}
	})

	t.Run("maps", func(t *testing.T) {
		if runtime.GOARCH != "amd64" {
			t.Skip("the object reads registers of amd64")
		}
		cmd := child(t, "write 300")
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		o := start(t, fmt.Sprintf(`
path: %s
constants: {only_pid: %d}
outputs:
  - map: sizes
    metric: {name: write.size, type: exponential_histogram, unit: By}
  - map: calls
    metric: {name: write.calls, type: sum}
`, unpack(t, "writes"), cmd.Process.Pid), "")
		_, err = stdin.Write([]byte("g"))
		require.NoError(t, err)
		require.NoError(t, cmd.Wait())
		// The Go runtime writes a few bytes, too, to wake its own threads.
		until(t, "the writes", func() bool {
			p := o.points("write.size")
			if len(p) != 1 {
				return false
			}
			counts := p[0].exp.Positive().BucketCounts()
			return counts.Len() > 9 && counts.At(9) == 300
		})
		o.stop()
		var calls float64
		for _, p := range o.points("write.calls") { // by the names of threads
			assert.EqualValues(t, cmd.Process.Pid, p.attrs["pid"])
			calls += p.number
		}
		assert.GreaterOrEqual(t, calls, 300.0)
	})

	t.Run("pair", func(t *testing.T) {
		if runtime.GOARCH != "amd64" {
			t.Skip("the object reads registers of amd64")
		}
		o := start(t, `
path: `+unpack(t, "calls")+`
constants: {number: 1}
losses: {ring_full: dropped}
outputs:
  - map: calls
    pair: {key: [thread], begin: {phase: BEGIN}, end: {phase: END}}
    process: pid
    span: {name: write, start: begin.time, end: end.time, error: ret}
    attributes: {pid: process.pid, ret: written}
`, targets(self))
		cmd := child(t, "write 300")
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		time.Sleep(100 * time.Millisecond) // it is known by then
		_, err = stdin.Write([]byte("g"))
		require.NoError(t, err)
		require.NoError(t, cmd.Wait())
		written := func() (n int) {
			for _, s := range o.spans() {
				if a := raw(s.Attributes()); a["written"] == int64(1000) && a["process.pid"] == int64(cmd.Process.Pid) {
					n++
				}
			}
			return n
		}
		until(t, "300 spans", func() bool { return written() >= 300 })
		o.stop()
		assert.Equal(t, 300, written())
		for _, s := range o.spans() {
			assert.Greater(t, s.EndTimestamp(), s.StartTimestamp())
		}
	})

	t.Run("iterator", func(t *testing.T) {
		cmd := child(t, "sleep 60")
		require.NoError(t, cmd.Start())
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
		o := start(t, `
path: `+unpack(t, "threads")+`
outputs:
  - iter: count_threads
    type: threads
    metric: {name: threads, type: gauge, value: number}
`, targets(self))
		until(t, "the number of threads", func() bool {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			require.NoError(t, err)
			for _, p := range o.points("threads") {
				if p.attrs["process.pid"] == int64(cmd.Process.Pid) {
					return strings.Contains(string(status), fmt.Sprintf("Threads:\t%v\n", p.number))
				}
			}
			return false
		})
		o.stop()
	})
}

// The program that a guest has nothing but, for amd64.
//
//go:embed testdata/probed_amd64
var probed []byte

// Static probes and uprobes of a program, at its path and in the files of those that are
// selected. They are in one receiver, as to start one takes long in a guest.
func TestAnyKernelUserSpace(t *testing.T) {
	inGuest(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("the program is compiled for amd64")
	}
	k := findFacts(t)
	path := filepath.Join(t.TempDir(), "probed")
	require.NoError(t, os.WriteFile(path, probed, 0o755))
	cmd := exec.Command(path, "an", "argument")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	ways := []struct{ name, program, attach, output string }{
		{"uprobe", "on_getppid", "{path: %s, symbols: [answer]}", "{map: asked, metric: {name: calls.uprobe, type: sum}, attributes: {key: process.pid}}"},
		{"selected", "on_getppid", "{path: %s, symbols: ['ans*'], selected: true}", "{map: asked, metric: {name: calls.selected, type: sum}, attributes: {key: process.pid}}"},
		{"usdt", "on_import", "{path: %s, provider: observed, probe: call}",
			"{map: imports, metric: {name: calls.usdt, type: sum}, attributes: {pid: process.pid, module: module}}"},
	}
	object, sections := unpack(t, "python"), map[string]string{}
	for _, w := range ways {
		sections["object/"+w.name] = fmt.Sprintf("{path: %s, programs: [%s], attach: {%s: %s}, outputs: [%s]}",
			object, w.program, w.program, fmt.Sprintf(w.attach, path), w.output)
	}
	o, told := startDegraded(t, sections, targets(path))
	lacks := map[string]string{}
	if !k.value("BPF_FUNC_get_attach_cookie") {
		lacks["object/usdt"] = "helper bpf_get_attach_cookie: not in this kernel"
	}
	require.Equal(t, lacks, told)
	_, err = stdin.Write([]byte("g"))
	require.NoError(t, err)
	calls := func(of string) (n float64) {
		for _, p := range o.points("calls." + of) {
			if p.attrs["process.pid"] == int64(cmd.Process.Pid) {
				assert.Equal(t, "watched", p.resource["service.name"])
				if of == "usdt" {
					assert.Equal(t, "a module", p.attrs["module"])
				}
				n += p.number
			}
		}
		return n
	}
	for _, w := range ways {
		if lacks["object/"+w.name] == "" {
			until(t, "15 calls", func() bool { return calls(w.name) >= 15 })
		}
	}
	o.stop()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			if why := lacks["object/"+w.name]; why != "" {
				t.Skip("not on this kernel: ", why)
			}
			assert.EqualValues(t, 15, calls(w.name))
		})
	}
}

// Each kind of hook that needs nothing but the kernel is called, or it is said why it cannot be.
// They are in one receiver, as to start one takes long in a guest.
func TestAnyKernelHooks(t *testing.T) {
	inGuest(t)
	livetest.Tracefs(t)
	k := findFacts(t)
	path := unpack(t, "hooks")
	sections, wanted := map[string]string{}, map[string]string{}
	for _, h := range hooks {
		if strings.Contains(h.program, "uprobe") || strings.Contains(h.program, "uretprobe") || strings.Contains(h.program, "usdt") {
			continue
		}
		attach, programs := "{}", "["+h.program+"]"
		if h.attach != "" {
			attach = fmt.Sprintf("{%s: %s}", h.program, h.attach)
		}
		if h.program == "on_sk_msg" {
			programs = "[on_sk_msg, on_sockops]"
		}
		sections["object/"+h.program] = fmt.Sprintf("{path: %s, programs: %s, attach: %s}", path, programs, attach)
		wanted[h.program] = h.counter
	}
	o, told := startDegraded(t, sections, "")
	for program, counter := range wanted {
		t.Run(counter, func(t *testing.T) {
			lacks := hookLacks(k, program)
			require.Equal(t, lacks, told["object/"+program])
			if lacks != "" {
				t.Skip("not on this kernel: ", lacks)
			}
			until(t, "calls of "+program, func() bool {
				if o.everCalled(counter) {
					return true
				}
				require.NoError(t, child(t, "exit 0").Run())
				connect(t)
				return false
			})
		})
	}
}

// everCalled tells whether a hook has called its program.
func (o *observed) everCalled(counter string) bool {
	for _, md := range o.metrics.AllMetrics() {
		for _, r := range md.ResourceMetrics().All() {
			for _, s := range r.ScopeMetrics().All() {
				for _, m := range s.Metrics().All() {
					for _, p := range pointsOf(m, nil) {
						if m.Name() == "hook.calls" && p.attrs["hook"] == counter && p.number > 0 {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

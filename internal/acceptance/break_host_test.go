// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// A server and its client in namespaces of their own, whose clock of the time since the boot is
// weeks ahead and whose processes have other numbers, are seen with the host's.
func TestBreakNamespaces(t *testing.T) {
	beside(t)
	began := time.Now()
	c := startCollector(t, "targets: [{exe: /**/python3*, service_name: apart}]\nprobes: {http: {}, process: {}}")
	port := freePort(t)
	script := fmt.Sprintf(`ip link set lo up
python3 testdata/service.py %d threads & server=$!
until curl -sS -o /dev/null --fail http://127.0.0.1:%[1]d/first 2>/dev/null; do sleep 0.1; done
for i in 1 2 3 4 5; do curl -sS --fail -o /dev/null http://127.0.0.1:%[1]d/in; done
echo $server; kill $server; wait`, port)
	out := run(t, "unshare", "--pid", "--net", "--time", "--boottime", "3000000", "--monotonic", "3000000", "--mount", "--mount-proc", "--fork", "sh", "-c", script)
	var inside int
	_, err := fmt.Sscan(out, &inside)
	require.NoError(t, err, out)
	waitFor(t, "the server's end", func() bool {
		return len(c.eventsOf(func(e event) bool { return e.name == "process.exit" })) > 0
	})
	a := c.settle(t)["http"]
	c.shutdown(t)
	assert.Zero(t, a.totalLost(), "%v", a.lost)
	seen := 0
	for _, s := range c.spansOf(ptrace.SpanKindServer, func(a attrs) bool { return a["service.name"] == "apart" }) {
		if s.attr("url.path") != "/in" {
			continue
		}
		seen++
		assert.WithinRange(t, s.StartTimestamp().AsTime(), began, time.Now())
		assert.NotEqualValues(t, inside, s.resource["process.pid"], "the number inside")
		created, err := time.Parse(time.RFC3339Nano, fmt.Sprint(s.resource["process.creation.time"]))
		require.NoError(t, err)
		assert.WithinRange(t, created, began.Add(-time.Second), time.Now())
	}
	assert.Equal(t, 5, seen)
}

// In a PID namespace of its own the collector cannot know whom the kernel means: it says so,
// and what to do.
func TestBreakCollectorInPIDNamespace(t *testing.T) {
	live(t)
	livetest.CheckLeaks(t)
	c := startReceiversAs(t, map[string]string{"ebpf": "probes: {http: {}}"}, func(name string, args ...string) *exec.Cmd {
		return exec.Command(program(t, "unshare"), append([]string{"--pid", "--mount", "--mount-proc", "--fork", "--kill-child=TERM", name}, args...)...)
	})
	assert.Contains(t, c.out.String(), "does not run in the host's PID namespace")
	for _, pid := range children(t, c.pid()) { // unshare itself waits for it
		require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	}
	waitFor(t, "the end", c.ended)
	assert.True(t, c.cmd.ProcessState.Success(), "%s", c.out)
}

// Where /proc hides the processes of others (hidepid), CAP_SYS_PTRACE shows them all the same.
// Without it those that ran before are not known, which is counted; those that begin are.
func TestBreakHiddenProc(t *testing.T) {
	live(t)
	_, set := rights(t)
	t.Run("with CAP_SYS_PTRACE", func(t *testing.T) {
		n, c := hidden(t, set)
		lines, a := checkConservation(t, c, n)
		require.EqualValues(t, 1000, lines)
		assert.Zero(t, a.totalLost(), "%v", a.lost)
	})
	t.Run("without", func(t *testing.T) {
		n, c := hidden(t, set&^(1<<kernel.CapSysPtrace))
		pids := n.pids(t)
		waitFor(t, "what is not known to be counted", func() bool {
			accounts, _ := c.accounts(t)
			return accounts["socket"] != nil && accounts["socket"].filtered >= 1000
		})
		c.shutdown(t)
		assert.Zero(t, c.countOf(serverDuration, of(pids...)), "nginx")
		assert.EqualValues(t, 1000, c.countOf(clientDuration, func(a attrs) bool { return a["process.executable.name"] == "ab" }))
	})
}

// hidden starts a collector that sees in /proc only its own user's processes, and nginx, which
// is not, and asks that a thousand times.
func hidden(t *testing.T, set uint64) (*nginx, *collector) {
	n := startNginx(t, noBackend)
	args := []string{strconv.FormatUint(set, 16), systemCalls(t)}
	section := "probes: {http: {}}\n"
	if set&(1<<kernel.CapSysPtrace) != 0 {
		section += n.target()
	}
	c := startReceiversAs(t, map[string]string{"ebpf": section}, func(name string, more ...string) *exec.Cmd {
		cmd := exec.Command(program(t, "unshare"), append(append([]string{"--mount", "sh", "-c", `mount -o remount,hidepid=2 /proc && exec "$0" "$@"`, selfPath(t)}, args...), append([]string{name}, more...)...)...)
		cmd.Env = append(os.Environ(), roleKey+"=confined")
		return cmd
	})
	c.countOnly = true
	run(t, "ab", "-q", "-k", "-n", "1000", "-c", "4", n.url("/hello"))
	return n, c
}

func selfPath(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return self
}

// memoryGroup makes a control group with that limit, in bytes.
func memoryGroup(t *testing.T, limit int) string {
	t.Helper()
	for _, version := range []struct{ root, file string }{{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, {"/sys/fs/cgroup", "memory.max"}} {
		dir := filepath.Join(version.root, fmt.Sprintf("break-%d", os.Getpid()))
		if err := os.Mkdir(dir, 0o755); err != nil {
			continue
		}
		f, err := os.OpenFile(filepath.Join(dir, version.file), os.O_WRONLY, 0) // the kernel makes it; /sys/fs/cgroup may be none
		if err == nil {
			_, err = f.WriteString(strconv.Itoa(limit))
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			require.NoError(t, os.Remove(dir))
			continue
		}
		t.Cleanup(func() {
			var err error
			for range 200 {
				if err = os.Remove(dir); err == nil || os.IsNotExist(err) {
					return
				}
				time.Sleep(50 * time.Millisecond) // until the last process is gone
			}
			assert.NoError(t, err)
		})
		return dir
	}
	t.Skip("no control group with a limit of memory can be made here")
	return ""
}

// In little memory the collector loses, and counts it, but lives; and its control group can be
// removed after it.
func TestBreakLittleMemory(t *testing.T) {
	live(t)
	n := startNginx(t, noBackend)
	group := memoryGroup(t, 160<<20)
	section := n.target() + "limits: {memory_mib: 120}\nprobes: {http: {}, socket: {ring_size: 4194304}}"
	c := startReceiversAs(t, map[string]string{"ebpf": section}, func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command("/bin/sh", append([]string{"-c", `echo $$ >"$0"/cgroup.procs && exec "$@"`, group, name}, args...)...)
		cmd.Env = append(os.Environ(), "GOMEMLIMIT=120MiB")
		return cmd
	})
	c.countOnly = true
	run(t, "wrk", "-t1", "-c8", "-d2s", n.url("/hello"))
	_, a := checkConservation(t, c, n)
	t.Log(a)
}

// Control groups of observed processes come and go while they run.
func TestBreakRemovedControlGroups(t *testing.T) {
	live(t)
	c := startCollector(t, "targets: [{exe: /bin/sleep}, {exe: /usr/bin/sleep}]\nprobes: {process: {}}")
	const groups = 50
	base := memoryGroup(t, 64<<20)
	for i := range groups {
		dir := filepath.Join(base, strconv.Itoa(i))
		require.NoError(t, os.Mkdir(dir, 0o755))
		run(t, "sh", "-c", `echo $$ >"$0"/cgroup.procs && exec sleep 0.01`, dir)
		require.NoError(t, os.Remove(dir))
	}
	seen := func() int { return len(c.eventsOf(func(e event) bool { return e.name == "process.exit" })) }
	waitFor(t, "the exits", func() bool { return seen() >= groups })
	accounts, _ := c.accounts(t)
	c.shutdown(t)
	assert.Equal(t, groups, seen())
	assert.True(t, accounts["process"].settled(), "%+v", accounts["process"])
}

// echo serves connections until its standard input ends: a line for a line.
func echo() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, l.Addr().(*net.TCPAddr).Port)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 512)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
				if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
					return
				}
			}
		}()
	}
}

// talk opens so many connections to a port, asks on each once, lets them rest but for some, on
// which it asks again, and closes them. It leaves others time: how many there are is tested, not
// how fast they come.
func talk(port string, idle, busy, again int) error {
	ask := func(c net.Conn, buf []byte) error {
		if _, err := io.WriteString(c, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
			return err
		}
		_, err := c.Read(buf)
		return err
	}
	buf := make([]byte, 512)
	const breath, after = 10 * time.Millisecond, 100
	var conns []net.Conn
	for i := range idle + busy {
		if i%after == 0 {
			time.Sleep(breath)
		}
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return err
		}
		conns = append(conns, c)
		if err := ask(c, buf); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, busy)
	for i, c := range conns[:busy] {
		wg.Go(func() {
			buf := make([]byte, 512)
			for range again {
				time.Sleep(breath * time.Duration(busy/after)) // as many at a time
				errs[i] = errors.Join(errs[i], ask(c, buf))
			}
		})
	}
	wg.Wait()
	for i, c := range conns {
		if i%after == 0 {
			time.Sleep(breath)
		}
		_ = c.Close()
	}
	return errors.Join(errs...)
}

func talkAs(args []string) error {
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(args[1+i]); err != nil {
			return err
		}
	}
	return talk(args[0], n[0], n[1], n[2])
}

// 20,000 connections that rest and 2,000 that are busy: each request is one span on each side,
// and the collector's memory is that of a small program. Descriptors are limited: there are two
// servers and two clients.
func TestBreakManyIdleConnections(t *testing.T) {
	live(t)
	self := filepath.Join(t.TempDir(), "talker") // another file than this process's, which is the sink
	require.NoError(t, os.Link(selfPath(t), self))
	c := startCollector(t, "targets: [{exe: "+self+"}]\nprobes: {http: {}}")
	c.countOnly = true
	const idle, busy, again = 10000 - 100, 1000, 5
	var wg sync.WaitGroup
	for range 2 {
		server := exec.Command(self)
		server.Env = append(os.Environ(), roleKey+"=echo")
		in, err := server.StdinPipe()
		require.NoError(t, err)
		out, err := server.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, server.Start())
		t.Cleanup(func() { _ = in.Close(); _ = server.Wait() })
		var port string
		_, err = fmt.Fscan(out, &port)
		require.NoError(t, err)
		client := exec.Command(self, port, strconv.Itoa(idle), strconv.Itoa(busy), strconv.Itoa(again))
		client.Env = append(os.Environ(), roleKey+"=talk")
		wg.Go(func() {
			out, err := client.CombinedOutput()
			assert.NoError(t, err, "%s", out)
		})
	}
	wg.Wait()
	requests := 2 * (idle + busy + busy*again)
	memory := resident(t, c.pid())
	a := c.settle(t)["http"]
	c.shutdown(t)
	t.Logf("%d requests, %d MiB resident, %+v", requests, memory>>20, a)
	assert.EqualValues(t, 2*requests, a.seen, "on both sides")
	assert.Equal(t, a.delivered, c.spanCount())
	assert.Zero(t, a.totalLost(), "%v", a.lost)
	assert.Less(t, memory, 400<<20)
}

// resident is the memory of a process, in bytes.
func resident(t testing.TB, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	require.NoError(t, err)
	return pages * os.Getpagesize()
}

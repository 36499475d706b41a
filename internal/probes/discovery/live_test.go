// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// eachVariant runs a test with each way to follow processes.
func eachVariant(t *testing.T, test func(t *testing.T, variant int)) {
	livetest.RequireRoot(t)
	livetest.Tracefs(t) // classic tracepoints are attached there
	for i, v := range Factory().Manifest.Variants {
		t.Run(v.Name, func(t *testing.T) { test(t, i) })
	}
}

// How long, and how often, a test looks for what is to come.
const (
	waitFor = 10 * time.Second
	step    = 5 * time.Millisecond
)

// watch is a Daemon that runs, and what it reported.
type watch struct {
	*Daemon
	mu     sync.Mutex
	events []discovery.Event
}

func start(t *testing.T, variant int, selection *discovery.Selection) *watch {
	t.Helper()
	w := attach(t, variant, selection, defaultConfig().(*Config))
	livetest.Pump(t, w.Daemon, nil)
	return w
}

// attach leaves it to the test when the ring is read.
func attach(t *testing.T, variant int, selection *discovery.Selection, cfg *Config) *watch {
	t.Helper()
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	set := probe.Settings{Logger: zaptest.NewLogger(t), Clock: livetest.Clock{}, Selection: selection}
	w := &watch{Daemon: livetest.LoadVariant(t, Factory(), variant, set, cfg, nil).(*Daemon)}
	livetest.Attach(t, w.Daemon)
	w.Subscribe(func(e *discovery.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		kept := *e
		kept.Args = slices.Clone(e.Args)
		w.events = append(w.events, kept)
	})
	return w
}

// of gives what was reported of one process.
func (w *watch) of(pid int, kind discovery.Kind) []discovery.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []discovery.Event
	for _, e := range w.events {
		if int(e.PID) == pid && e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

func (w *watch) eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, waitFor, step, what)
}

func selectBy(t *testing.T, selectors ...discovery.Selector) *discovery.Selection {
	t.Helper()
	s := &discovery.Selection{Self: uint32(os.Getpid())}
	for _, one := range selectors {
		m, err := one.Compile()
		require.NoError(t, err)
		s.Targets = append(s.Targets, m)
	}
	return s
}

// program makes an executable that no other test has.
func program(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), filepath.Base(path))
	require.NoError(t, os.WriteFile(name, content, 0o755))
	return name
}

// spawn runs a shell that waits for its input to end. What it says first is
// given.
func spawn(t *testing.T, sh, script string) (cmd *exec.Cmd, said string, finish func()) {
	t.Helper()
	cmd = exec.Command(sh, "-c", script)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	finish = sync.OnceFunc(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	t.Cleanup(finish)
	buf := make([]byte, 256)
	n, err := out.Read(buf)
	require.NoError(t, err)
	return cmd, strings.TrimSpace(string(buf[:n])), finish
}

func TestFindsWhatRunsAlready(t *testing.T) { eachVariant(t, testFindsWhatRunsAlready) }

func testFindsWhatRunsAlready(t *testing.T, variant int) {
	livetest.RequireRoot(t)
	sh := program(t, "/bin/sh")
	cmd, _, finish := spawn(t, sh, "echo ready; read x; exit 4")
	w := start(t, variant, selectBy(t, discovery.Selector{ServiceName: "early", Exe: sh}))

	info := w.Lookup(uint32(cmd.Process.Pid), 0)
	require.NotNil(t, info)
	assert.Equal(t, "early", info.ServiceName)
	assert.Same(t, info, w.Lookup(uint32(cmd.Process.Pid), info.StartTime))
	assert.Equal(t, 1, w.Selected())
	assert.Nil(t, w.Lookup(uint32(os.Getpid()), 0), "the collector itself")
	assert.Nil(t, w.Lookup(1, 0), "not selected")

	finish()
	w.eventually(t, "exit", func() bool { return len(w.of(cmd.Process.Pid, discovery.Exit)) == 1 })
	exit := w.of(cmd.Process.Pid, discovery.Exit)[0]
	assert.Equal(t, 4, exit.ExitCode())
	assert.Same(t, info, exit.Process)
	assert.Same(t, info, w.Lookup(info.PID, exit.Start), "known for a while")
	assert.Zero(t, w.Selected())
	w.Tick(exit.Time + uint64(time.Minute))
	assert.Nil(t, w.Lookup(info.PID, exit.Start))
}

// TestForkWithoutExec has children that a selected process forked before and
// after it was decided on; each is selected, and its exit is reported.
func TestForkWithoutExec(t *testing.T) { eachVariant(t, testForkWithoutExec) }

func testForkWithoutExec(t *testing.T, variant int) {
	sh := program(t, "/bin/sh")
	w := start(t, variant, selectBy(t, discovery.Selector{Cmdline: "only-the-parent-says-this"}))
	cmd, said, finish := spawn(t, sh, `exec 3<&0; (read x <&3; exit 5) & echo $!; read x; wait; : only-the-parent-says-this`)
	child, err := strconv.Atoi(said)
	require.NoError(t, err)
	parent := uint32(cmd.Process.Pid)
	w.eventually(t, "exec", func() bool { return len(w.of(cmd.Process.Pid, discovery.Exec)) == 1 })
	require.NotNil(t, w.Lookup(parent, 0))

	info := w.Lookup(uint32(child), 0)
	require.NotNil(t, info, "inherits")
	pid, _ := info.Resource.Attributes().Get("process.pid")
	assert.EqualValues(t, child, pid.Int())
	assert.Equal(t, sh, info.Executable)

	finish()
	w.eventually(t, "exits", func() bool {
		return len(w.of(child, discovery.Exit)) == 1 && len(w.of(int(parent), discovery.Exit)) == 1
	})
	assert.Equal(t, 5, w.of(child, discovery.Exit)[0].ExitCode())
	assert.Empty(t, w.of(child, discovery.Exec))
}

// TestExitOfUnseenChild is about a child that nobody asked for while it ran.
func TestExitOfUnseenChild(t *testing.T) { eachVariant(t, testExitOfUnseenChild) }

func testExitOfUnseenChild(t *testing.T, variant int) {
	sh := program(t, "/bin/sh")
	w := start(t, variant, selectBy(t, discovery.Selector{ServiceName: "parent", Exe: sh}))
	_, said, finish := spawn(t, sh, `(exit 6) & c=$!; wait $c; echo $c; read x`)
	child, err := strconv.Atoi(said)
	require.NoError(t, err)
	finish()
	w.eventually(t, "exit", func() bool { return len(w.of(child, discovery.Exit)) == 1 })
	exit := w.of(child, discovery.Exit)[0]
	assert.Equal(t, 6, exit.ExitCode())
	require.NotNil(t, exit.Process)
	assert.Equal(t, "parent", exit.Process.ServiceName)
	assert.EqualValues(t, child, exit.Process.PID)
}

func TestSelectsByPort(t *testing.T) { eachVariant(t, testSelectsByPort) }

func testSelectsByPort(t *testing.T, variant int) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	// A port that is free now.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	selection := selectBy(t, discovery.Selector{ServiceName: "ported", Ports: strconv.Itoa(port)})

	script := `import socket,sys
sys.stdout.write("ready\n"); sys.stdout.flush(); sys.stdin.readline()
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1",` + strconv.Itoa(port) + `)); s.listen()
sys.stdout.write("listening\n"); sys.stdout.flush(); sys.stdin.readline()`
	serve := func() (cmd *exec.Cmd, listen, finish func()) {
		cmd = exec.Command(python, "-c", script)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		buf := make([]byte, 64)
		_, err = out.Read(buf)
		require.NoError(t, err)
		finish = sync.OnceFunc(func() { _ = in.Close(); _ = cmd.Wait() })
		t.Cleanup(finish)
		return cmd, func() {
			_, err := io.WriteString(in, "\n")
			require.NoError(t, err)
			_, err = out.Read(buf)
			require.NoError(t, err)
		}, finish
	}

	t.Run("when it listens", func(t *testing.T) {
		w := start(t, variant, selection)
		cmd, listen, finish := serve()
		pid := uint32(cmd.Process.Pid)
		w.eventually(t, "exec", func() bool { return len(w.of(int(pid), discovery.Exec)) > 0 })
		require.Nil(t, w.Lookup(pid, 0))
		listen()
		w.eventually(t, "selected", func() bool { return w.Lookup(pid, 0) != nil })
		assert.Equal(t, "ported", w.Lookup(pid, 0).ServiceName)
		finish()
		w.eventually(t, "exit", func() bool { return len(w.of(int(pid), discovery.Exit)) == 1 })
	})
	t.Run("when it listens already", func(t *testing.T) {
		livetest.RequireRoot(t)
		cmd, listen, finish := serve()
		defer finish()
		listen()
		w := start(t, variant, selection)
		require.NotNil(t, w.Lookup(uint32(cmd.Process.Pid), 0))
	})
}

// TestScript is about what is really executed, and arguments that are cut.
func TestScript(t *testing.T) { eachVariant(t, testScript) }

func testScript(t *testing.T, variant int) {
	sh := program(t, "/bin/sh")
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("#!"+sh+"\nexit 0\n"), 0o755))
	w := start(t, variant, selectBy(t, discovery.Selector{Exe: sh}))
	long := strings.Repeat("x", 600)
	cmd := exec.Command(script, long)
	require.NoError(t, cmd.Run())
	w.eventually(t, "exec", func() bool { return len(w.of(cmd.Process.Pid, discovery.Exec)) == 1 })
	e := w.of(cmd.Process.Pid, discovery.Exec)[0]
	assert.Equal(t, script, e.Filename)
	assert.Equal(t, sh, e.Interpreter)
	assert.Equal(t, sh, e.Process.Executable)
	assert.True(t, e.ArgsCut)
	assert.Equal(t, []string{sh, script}, e.Args[:2])
	assert.True(t, strings.HasPrefix(long, e.Args[2]))
	assert.Less(t, len(e.Args[2]), 600)
}

// TestMapHoldsOnlyTheLiving runs processes that are gone before they are
// decided on, and looks for what they leave behind.
func TestMapHoldsOnlyTheLiving(t *testing.T) { eachVariant(t, testMapHoldsOnlyTheLiving) }

func testMapHoldsOnlyTheLiving(t *testing.T, variant int) {
	sh := program(t, "/bin/sh")
	program := program(t, "/bin/true")
	w := attach(t, variant, selectBy(t, discovery.Selector{Exe: program}), defaultConfig().(*Config))
	stop := livetest.Pump(t, w.Daemon, nil)
	const runs = 500
	require.NoError(t, exec.Command(sh, "-c", "i=0; while [ $i -lt "+strconv.Itoa(runs)+" ]; do "+program+"; i=$((i+1)); done").Run())
	count := func() (n int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range w.events {
			if e.Kind == discovery.Exit && e.Process != nil && e.Process.Executable == program {
				n++
			}
		}
		return n
	}
	w.eventually(t, "exits", func() bool { return count() == runs })
	gone := func() (n int) {
		var pid uint32
		var p [16]byte
		it := w.SharedMaps()["procs"].Iterate()
		for it.Next(&pid, &p) {
			if _, err := os.Stat("/proc/" + strconv.Itoa(int(pid))); err != nil {
				n++
			}
		}
		require.NoError(t, it.Err())
		return n
	}
	stop()
	// Programs of others at the same tracepoint ask for those that have just ended.
	assert.NotZero(t, gone())
	assert.LessOrEqual(t, gone(), maxEnded)
	w.Tick(livetest.Clock{}.Now() + endedAfter)
	assert.Zero(t, gone(), "processes that are gone are in the map")
}

// What is decided late, on an exec that another one followed, must not undo that
// the process is undecided, and then selected, by the later one.
func TestDecisionOnEarlierExecLeavesTheLaterOne(t *testing.T) {
	eachVariant(t, testDecisionOnEarlierExecLeavesTheLaterOne)
}

func testDecisionOnEarlierExecLeavesTheLaterOne(t *testing.T, variant int) {
	livetest.RequireRoot(t)
	sh := program(t, "/bin/sh")
	w := attach(t, variant, selectBy(t, discovery.Selector{Exe: sh}), defaultConfig().(*Config))
	cmd, _, _ := spawn(t, "/bin/bash", "exec "+sh+" -c 'echo ready; read x'")
	livetest.Pump(t, w.Daemon, nil) // only now
	w.eventually(t, "both execs", func() bool { return len(w.of(cmd.Process.Pid, discovery.Exec)) == 2 })
	assert.True(t, (*states)(w.Daemon).Selected(uint32(cmd.Process.Pid)))
}

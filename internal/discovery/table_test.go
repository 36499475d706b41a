// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// manualClock stands still unless it is set.
type manualClock struct{ now uint64 }

func (c *manualClock) Now() uint64                { return c.now }
func (c *manualClock) Time(boot uint64) time.Time { return time.Unix(1_700_000_000, int64(boot)) }
func (c *manualClock) Timestamp(boot uint64) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(c.Time(boot))
}

// kernelStates remembers what it was told.
type kernelStates map[uint32]bool

func (s kernelStates) Set(pid uint32, _ uint64, d Decision, _ uint64) { s[pid] = d.Selected }
func (s kernelStates) Selected(pid uint32) bool                       { return s[pid] }

type fixture struct {
	*Table
	t      *testing.T
	proc   string
	clock  *manualClock
	states kernelStates
}

func newFixture(t *testing.T, s *Selection, maxProcesses int) *fixture {
	f := &fixture{t: t, proc: t.TempDir(), clock: &manualClock{now: 100 * tick}, states: kernelStates{}}
	f.Table = NewTable(Options{
		Selection: s, Clock: f.clock, States: f.states, Max: maxProcesses, Linger: 30 * time.Second, Proc: f.proc,
		Host: Host{Name: "h", ID: "id"},
	})
	return f
}

// process makes a folder as in /proc. start is in ticks.
func (f *fixture) process(pid, parent, flags, start int, exe, cmdline, environ, cgroup string) {
	dir := filepath.Join(f.proc, strconv.Itoa(pid))
	require.NoError(f.t, os.RemoveAll(dir))
	require.NoError(f.t, os.MkdirAll(dir, 0o755))
	for name, text := range map[string]string{
		"stat":    fmt.Sprintf("%d (%s) S %d 1 1 0 -1 %d 1 2 3 4 5 6 7 8 20 0 1 0 %d 1 1", pid, filepath.Base(exe), parent, flags, start),
		"status":  fmt.Sprintf("Uid:\t0\t0\t0\t0\nNSpid:\t%d\n", pid),
		"cmdline": cmdline, "environ": environ, "cgroup": cgroup,
	} {
		require.NoError(f.t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	require.NoError(f.t, os.Symlink(exe, filepath.Join(dir, "exe")))
}

func attrs(r pcommon.Resource) map[string]any { return r.Attributes().AsRaw() }

func TestLookupReadsProc(t *testing.T) {
	f := newFixture(t, &Selection{}, 10)
	f.process(42, 1, 0, 7, "/usr/bin/shop", "shop\x00--token=x\x00", "OTEL_RESOURCE_ATTRIBUTES=service.version=3,process.pid=9\x00", "0::/\n")
	info := f.Lookup(42, 7*tick+5)
	require.NotNil(t, info)
	assert.Same(t, info, f.Lookup(42, 0))
	assert.Same(t, info, f.Lookup(42, 7*tick), "the same in the resolution of /proc")
	assert.EqualValues(t, 7*tick+5, info.StartTime)
	assert.Equal(t, "shop", info.ServiceName)
	assert.Equal(t, "/usr/bin/shop", info.Executable)
	assert.False(t, info.GoRuntime)
	a := attrs(info.Resource)
	assert.NotEmpty(t, a["service.instance.id"])
	delete(a, "service.instance.id")
	delete(a, "process.owner") // this machine's name of user 0
	delete(a, "telemetry.distro.version")
	assert.Equal(t, map[string]any{
		"service.name": "shop", "service.version": "3", "process.pid": int64(42), "process.parent_pid": int64(1),
		"process.executable.name": "shop", "process.executable.path": "/usr/bin/shop", "process.command": "shop",
		"process.creation.time": "2023-11-14T22:13:20.070000005Z", "host.name": "h", "host.id": "id", "os.type": "linux",
		"telemetry.distro.name": "ebpfreceiver",
	}, a)
	assert.Nil(t, f.Lookup(43, 0), "no such process")
	assert.Nil(t, f.Lookup(42, 8*tick), "another one of that PID")
}

func TestServiceName(t *testing.T) {
	target := compile(t, Selector{ServiceName: "target", Exe: "/opt/**"})
	for _, tt := range []struct{ environ, exe, want string }{
		{"OTEL_SERVICE_NAME=env\x00OTEL_RESOURCE_ATTRIBUTES=service.name=attr\x00", "/opt/a", "env"},
		{"OTEL_RESOURCE_ATTRIBUTES=service.name=attr\x00", "/opt/a", "attr"},
		{"", "/opt/a", "target"},
	} {
		f := newFixture(t, &Selection{Targets: []*Matcher{target}}, 10)
		f.process(42, 1, 0, 7, tt.exe, "a\x00", tt.environ, "")
		info := f.Lookup(42, 0)
		require.NotNil(t, info)
		assert.Equal(t, tt.want, info.ServiceName)
		assert.Equal(t, tt.want, attrs(info.Resource)["service.name"])
	}
}

func TestInstance(t *testing.T) {
	h := &Host{ID: "h"}
	a := &identity{pid: 1, start: 7*tick + 3}
	b := &identity{pid: 1, start: 7 * tick}
	c := &identity{pid: 1, start: 8 * tick}
	assert.Equal(t, a.instance(h), b.instance(h), "the same from the kernel and from /proc")
	assert.NotEqual(t, a.instance(h), c.instance(h))
	assert.NotEqual(t, a.instance(h), a.instance(&Host{ID: "i"}))
	inside := &identity{pid: 1, innerPID: 5, start: 7 * tick, container: "abc"}
	again := &identity{pid: 2, innerPID: 5, start: 9 * tick, container: "abc"}
	assert.Equal(t, inside.instance(h), again.instance(h))
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, a.instance(h))
}

func TestReusedPID(t *testing.T) {
	f := newFixture(t, &Selection{}, 10)
	f.process(42, 1, 0, 7, "/usr/bin/old", "old\x00", "", "")
	old := f.Lookup(42, 7*tick)
	f.Handle(&Event{Kind: Exit, PID: 42, Start: 7 * tick, Time: 50 * tick})
	f.process(42, 1, 0, 60, "/usr/bin/new", "new\x00", "", "")
	assert.Same(t, old, f.Lookup(42, 7*tick), "lingers")
	current := f.Lookup(42, 0)
	require.NotNil(t, current)
	assert.Equal(t, "/usr/bin/new", current.Executable)
	assert.Same(t, current, f.Lookup(42, 60*tick))
	assert.Equal(t, 1, f.Len())

	f.Tick(50*tick + uint64(30*time.Second) - 1)
	assert.Same(t, old, f.Lookup(42, 7*tick))
	f.Tick(50*tick + uint64(30*time.Second))
	assert.Nil(t, f.Lookup(42, 7*tick))
	assert.Same(t, current, f.Lookup(42, 0))
}

func TestExecOfProcessThatIsGone(t *testing.T) {
	container := "0::/docker/" + fmt.Sprintf("%064x", 7) + "\n"
	f := newFixture(t, &Selection{}, 10)
	f.process(10, 1, 0, 5, "/bin/sh", "sh\x00", "OTEL_SERVICE_NAME=batch\x00", container)
	require.NotNil(t, f.Lookup(10, 0))
	e := &Event{
		Kind: Exec, PID: 42, Start: 7 * tick, ParentPID: 10, ParentStart: 5 * tick, Time: 8 * tick, CgroupID: CgroupID{V2: 3},
		Comm: "job", Filename: "./job", Interpreter: "/opt/job", Args: []string{"job", "now"},
	}
	f.Handle(e)
	require.NotNil(t, e.Process)
	assert.Equal(t, "/opt/job", e.Process.Executable)
	assert.Equal(t, "batch", e.Process.ServiceName)
	a := attrs(e.Process.Resource)
	assert.Equal(t, fmt.Sprintf("%064x", 7), a["container.id"])
	assert.Equal(t, "job", a["process.command"])
	assert.True(t, f.states[42])

	exit := &Event{Kind: Exit, PID: 42, Start: 7 * tick, Time: 9 * tick}
	f.Handle(exit)
	assert.Same(t, e.Process, exit.Process)
	assert.Equal(t, strings.TrimSuffix(container, "\n"), exit.Cgroup)
}

// TestExecOfProcessThatEndsMeanwhile has the executable still there when it is
// read, but the control group not any more.
func TestExecOfProcessThatEndsMeanwhile(t *testing.T) {
	container := "0::/docker/" + fmt.Sprintf("%064x", 7) + "\n"
	f := newFixture(t, &Selection{}, 10)
	f.process(10, 1, 0, 5, "/bin/sh", "sh\x00", "", container)
	f.process(42, 10, 0, 7, "/opt/job", "job\x00", "", "")
	e := &Event{Kind: Exec, PID: 42, Start: 7 * tick, ParentPID: 10, Time: 8 * tick, CgroupID: CgroupID{V2: 3}, Comm: "job", Args: []string{"job"}}
	f.Handle(e)
	require.NotNil(t, e.Process)
	assert.Equal(t, fmt.Sprintf("%064x", 7), attrs(e.Process.Resource)["container.id"])
	assert.Equal(t, strings.TrimSuffix(container, "\n"), e.Cgroup)
}

// Somebody asked for the process when it had ended and was not reaped, before its exec was read.
func TestExecOfProcessThatWasLookedAtTooLate(t *testing.T) {
	f := newFixture(t, &Selection{}, 10)
	f.process(42, 1, 0, 7, "/usr/bin/job", "", "", "")
	require.NoError(t, os.Remove(filepath.Join(f.proc, "42", "exe")))
	require.NotNil(t, f.Lookup(42, 7*tick))
	e := &Event{Kind: Exec, PID: 42, ParentPID: 1, Start: 7 * tick, Time: f.clock.now - 1, Comm: "job", Filename: "/opt/job", Interpreter: "/opt/job", Args: []string{"job"}}
	f.Handle(e)
	require.NotNil(t, e.Process)
	assert.Equal(t, "/opt/job", e.Process.Executable)
	assert.Same(t, e.Process, f.Lookup(42, 7*tick))
}

func TestExecReplaces(t *testing.T) {
	target := compile(t, Selector{Exe: "/opt/**"})
	f := newFixture(t, &Selection{Targets: []*Matcher{target}}, 10)
	f.process(42, 1, 0, 7, "/opt/a", "a\x00", "", "")
	first := f.Lookup(42, 7*tick)
	require.NotNil(t, first)

	// An exec that had happened before it was looked at says nothing new.
	e := &Event{Kind: Exec, PID: 42, Start: 7 * tick, Time: 99 * tick, Comm: "a"}
	f.Handle(e)
	assert.Same(t, first, e.Process)

	f.process(42, 1, 0, 7, "/opt/b", "b\x00", "", "")
	e = &Event{Kind: Exec, PID: 42, Start: 7 * tick, Time: 101 * tick, Comm: "b"}
	f.Handle(e)
	require.NotNil(t, e.Process)
	assert.Equal(t, "/opt/b", e.Process.Executable)
	assert.Same(t, e.Process, f.Lookup(42, 7*tick))

	f.process(42, 1, 0, 7, "/usr/bin/c", "c\x00", "", "")
	e = &Event{Kind: Exec, PID: 42, Start: 7 * tick, Time: 102 * tick, Comm: "c"}
	f.Handle(e)
	assert.Nil(t, e.Process)
	assert.Nil(t, f.Lookup(42, 7*tick))
	assert.False(t, f.states[42])
	assert.Zero(t, f.Len())
}

// TestExecOutrunByAnother has a record whose process runs something else by
// the time it is read.
func TestExecOutrunByAnother(t *testing.T) {
	f := newFixture(t, &Selection{}, 10)
	f.process(42, 1, 0, 7, "/opt/second", "second\x00", "", "")
	e := &Event{Kind: Exec, PID: 42, Start: 7 * tick, Time: 200 * tick, Comm: "first", Interpreter: "/opt/first", Args: []string{"first"}}
	f.Handle(e)
	assert.Equal(t, "/opt/first", e.Process.Executable)
}

func TestChildInherits(t *testing.T) {
	parent := compile(t, Selector{ServiceName: "family", PID: 10})
	f := newFixture(t, &Selection{Targets: []*Matcher{parent}}, 10)
	f.process(10, 1, 0, 5, "/opt/a", "a\x00", "", "")
	f.process(11, 10, forkNoExec, 6, "/opt/a", "a\x00", "", "")
	f.process(12, 11, forkNoExec, 6, "/opt/a", "a\x00", "", "")
	f.process(13, 10, 0, 6, "/opt/b", "b\x00", "", "")
	child := f.Lookup(12, 0)
	require.NotNil(t, child, "grandchild")
	assert.Equal(t, "family", child.ServiceName)
	assert.Nil(t, f.Lookup(13, 0), "called exec")

	f.states[20] = true
	f.process(20, 1, forkNoExec, 6, "/opt/a", "a\x00", "", "")
	assert.NotNil(t, f.Lookup(20, 0), "its parent is gone, but the kernel observes it")

	exit := &Event{Kind: Exit, PID: 14, Start: 8 * tick, ParentPID: 10, ParentStart: 5 * tick, Comm: "a", Time: 9 * tick}
	f.Handle(exit)
	require.NotNil(t, exit.Process, "never looked up")
	assert.Equal(t, "/opt/a", exit.Process.Executable)

	f.Handle(&Event{Kind: Fork, PID: 15, Start: 8 * tick, ParentPID: 10, ParentStart: 5 * tick})
	assert.True(t, f.states[15])
	f.Handle(&Event{Kind: Fork, PID: 16, Start: 8 * tick, ParentPID: 13, ParentStart: 6 * tick})
	assert.False(t, f.states[16])
}

func TestListen(t *testing.T) {
	byPort := compile(t, Selector{ServiceName: "web", Ports: "80"})
	byTitle := compile(t, Selector{ServiceName: "title", Cmdline: "^first"})
	shut := compile(t, Selector{Ports: "22"})
	f := newFixture(t, &Selection{Targets: []*Matcher{byPort, byTitle}, Exclude: []*Matcher{shut}}, 10)

	f.process(42, 1, 0, 7, "/opt/a", "a\x00", "", "")
	require.Nil(t, f.Lookup(42, 0))
	f.Handle(&Event{Kind: Listen, PID: 42, Start: 7 * tick, Port: 81})
	assert.False(t, f.states[42])
	f.Handle(&Event{Kind: Listen, PID: 42, Start: 7 * tick, Port: 80})
	assert.True(t, f.states[42])
	require.NotNil(t, f.Lookup(42, 0))
	assert.Equal(t, "web", f.Lookup(42, 0).ServiceName)

	f.process(43, 1, 0, 7, "/opt/a", "first\x00", "", "")
	before := f.Lookup(43, 0)
	require.NotNil(t, before)
	f.process(43, 1, 0, 7, "/opt/a", "changed\x00", "", "")
	f.Handle(&Event{Kind: Listen, PID: 43, Start: 7 * tick, Port: 81})
	assert.Same(t, before, f.Lookup(43, 0), "a new title does not unselect")
	f.Handle(&Event{Kind: Listen, PID: 43, Start: 7 * tick, Port: 80})
	assert.Equal(t, "web", f.Lookup(43, 0).ServiceName, "an earlier target wins")
	f.Handle(&Event{Kind: Listen, PID: 43, Start: 7 * tick, Port: 22})
	assert.Nil(t, f.Lookup(43, 0), "excluded")
	assert.False(t, f.states[43])
}

func TestBounds(t *testing.T) {
	f := newFixture(t, &Selection{}, 2)
	for pid := range 3 {
		f.process(pid+1, 0, 0, 7, "/opt/a", "a\x00", "", "")
	}
	require.NotNil(t, f.Lookup(1, 0))
	require.NotNil(t, f.Lookup(2, 0))
	assert.Nil(t, f.Lookup(3, 0))
	assert.EqualValues(t, 1, f.Overflow())
	f.Handle(&Event{Kind: Exit, PID: 1, Start: 7 * tick, Time: 9 * tick})
	assert.NotNil(t, f.Lookup(3, 0), "takes the place of one that ended")
	assert.Nil(t, f.known1(1))
	assert.EqualValues(t, 1, f.Overflow())
}

func (f *fixture) known1(pid uint32) *entry {
	e, _ := f.known(pid, 7*tick)
	return e
}

func TestScanAndSweep(t *testing.T) {
	target := compile(t, Selector{Exe: "/opt/**"})
	f := newFixture(t, &Selection{Targets: []*Matcher{target}, Self: 3}, 10)
	f.process(1, 0, 0, 1, "/sbin/init", "init\x00", "", "")
	f.process(2, 1, kernelThread, 1, "/opt/none", "", "", "")
	f.process(3, 1, 0, 1, "/opt/collector", "c\x00", "", "")
	f.process(4, 1, 0, 1, "/opt/a", "a\x00", "", "")
	require.NoError(t, os.Mkdir(filepath.Join(f.proc, "sys"), 0o755))
	require.NoError(t, f.Scan())
	assert.Equal(t, kernelStates{1: false, 2: false, 3: false, 4: true}, f.states)
	assert.Equal(t, 1, f.Len())

	require.NoError(t, os.RemoveAll(filepath.Join(f.proc, "4")))
	f.Sweep(200 * tick)
	assert.Zero(t, f.Len())
	assert.Nil(t, f.Lookup(4, 0))

	gone := newFixture(t, &Selection{}, 1)
	require.NoError(t, os.RemoveAll(gone.proc))
	require.ErrorIs(t, gone.Scan(), os.ErrNotExist)
}

func TestConcurrentLookup(t *testing.T) {
	f := newFixture(t, &Selection{}, 100)
	for pid := range 20 {
		f.process(pid+1, 0, 0, 7, "/opt/a", "a\x00", "", "")
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for pid := range uint32(20) {
				assert.NotNil(t, f.Lookup(pid+1, 7*tick))
			}
		})
	}
	wg.Go(func() {
		for pid := range uint32(20) {
			f.Handle(&Event{Kind: Exec, PID: pid + 1, Start: 7 * tick, Time: 200 * tick, Comm: "a", Args: []string{"a"}})
			f.Tick(f.clock.Now())
			f.Len()
		}
	})
	wg.Wait()
	assert.Equal(t, 20, f.Len())
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package memory

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	discoveryprobe "github.com/ebpfreceiver/ebpfreceiver/internal/probes/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// both keeps metrics and log records.
type both struct {
	livetest.Metrics
	logs livetest.Logs
}

func (b *both) LogRecord(p *probe.ProcessInfo) plog.LogRecord { return b.logs.LogRecord(p) }

// load starts the Instrument.
func load(t *testing.T) (i probe.Probe, said *both, pump *livetest.Pumped) {
	t.Helper()
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	said = &both{}
	set := probe.Settings{
		Logger: zaptest.NewLogger(t), Clock: livetest.Clock{}, Emit: said, Signals: probe.Metrics | probe.Logs, Selection: &discovery.Selection{},
	}
	f := discoveryprobe.Factory()
	d := livetest.Load(t, f, set, f.DefaultConfig(), nil)
	set.Processes = d.(probe.Processes)
	i = livetest.Load(t, Factory(), set, DefaultConfig(), map[string]probe.Probe{"discovery": d})
	livetest.Attach(t, d)
	livetest.Attach(t, i)
	return i, said, livetest.PumpJoined(t, d, i)
}

// faultsOf are those that /proc has of a process: minor and major.
func faultsOf(t *testing.T, pid int) (minor, major float64) {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	minor, err = strconv.ParseFloat(f[7], 64)
	require.NoError(t, err)
	major, err = strconv.ParseFloat(f[9], 64)
	require.NoError(t, err)
	return minor, major
}

// A program that touches memory and reads a file that is not in the page cache: its faults
// are those that /proc has, of all its threads.
func TestFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, make([]byte, 8<<20), 0o600))
	require.NoError(t, exec.Command("sync", file).Run())
	i, said, pump := load(t)
	cmd := exec.Command("python3", "-c", `
import mmap, os, sys, threading
fd = os.open(sys.argv[1], os.O_RDONLY)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
m = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
m.madvise(mmap.MADV_RANDOM)
def work():
    a = mmap.mmap(-1, 4 << 20)
    for i in range(0, len(a), 4096): a[i] = 1
t = threading.Thread(target=work); t.start(); t.join()
s = sum(m[i] for i in range(0, len(m), 65536))
print("ready", flush=True)
sys.stdin.read()`, file)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	time.Sleep(100 * time.Millisecond)
	minor, major := faultsOf(t, cmd.Process.Pid)
	pump.Collect(t, i)
	got := said.Values(metricFaults, cmd.Process.Pid)
	assert.InDelta(t, minor, got[attrFault+"=minor"], 5)
	assert.Equal(t, major, got[attrFault+"=major"])
	assert.Greater(t, minor, 1000.0)
	t.Logf("%v of %g minor, %g major", got, minor, major)
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	time.Sleep(1200 * time.Millisecond)
	pump.Stop()
	said.Reset()
	pump.Collect(t, i)
	end := said.Values(metricFaults, cmd.Process.Pid)
	assert.GreaterOrEqual(t, end[attrFault+"=minor"], got[attrFault+"=minor"], "its end tells the last ones")
	assert.Less(t, end[attrFault+"=minor"], 1.2*minor, "each counts once")
	livetest.Conserved(t, i)
}

// limited makes a control group with a limit for memory.
func limited(t *testing.T, limit string) string {
	t.Helper()
	for _, root := range []struct{ path, file string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, {"/sys/fs/cgroup", "memory.max"},
	} {
		dir := filepath.Join(root.path, "ebpfreceiver-test-"+strconv.Itoa(os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(dir) })
		if os.WriteFile(filepath.Join(dir, root.file), []byte(limit), 0o600) == nil {
			return dir
		}
	}
	t.Skip("no control group can limit memory here")
	return ""
}

func TestOutOfMemory(t *testing.T) {
	i, said, pump := load(t)
	dir := limited(t, "40M")
	cmd := exec.Command("python3", "-c", `
import os, sys
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
a = []
while True: a.append(bytearray(1 << 20))`, dir)
	require.Error(t, cmd.Run())
	time.Sleep(700 * time.Millisecond)
	pump.Stop()
	pump.Collect(t, i)
	require.Len(t, said.logs.Records, 1)
	r := said.logs.Records[0]
	assert.Equal(t, "ebpf.process.oom_kill", r.EventName())
	assert.EqualValues(t, cmd.Process.Pid, r.Attr("process.pid"))
	assert.EqualValues(t, cmd.Process.Pid, r.Attr(attrTrigger))
	assert.Contains(t, r.Attr(attrCgroup), "/"+filepath.Base(dir))
	anon := r.Attr(attrAnon).(int64)
	assert.Greater(t, anon, int64(30<<20))
	assert.Less(t, anon, int64(60<<20), "it had some before it was limited")
	assert.Contains(t, r.Resource["process.executable.name"], "python")
	t.Log(r.Body().Str(), r.Attributes().AsRaw())
	// Its control group tried to free memory before.
	stalls := said.Points(metricStall, cmd.Process.Pid)
	require.NotEmpty(t, stalls)
	assert.Equal(t, attrCause+"=cgroup_reclaim", stalls[0].Attrs())
	livetest.Conserved(t, i)
}

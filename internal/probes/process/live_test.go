// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package process

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	discoveryprobe "github.com/ebpfreceiver/ebpfreceiver/internal/probes/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// run observes what do starts, and gives the records of it.
func run(t *testing.T, selection *discovery.Selection, cfg *Config, do func()) ([]livetest.Log, *Instrument) {
	t.Helper()
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	logs := &livetest.Logs{}
	set := probe.Settings{Logger: zaptest.NewLogger(t), Clock: livetest.Clock{}, Emit: logs, Selection: selection, Signals: probe.Logs}
	f := discoveryprobe.Factory()
	d := livetest.Load(t, f, set, f.DefaultConfig(), nil)
	i := livetest.Load(t, Factory(), set, cfg, map[string]probe.Probe{daemon: d}).(*Instrument)
	livetest.Attach(t, d)
	livetest.Attach(t, i)
	stop := livetest.Pump(t, d, nil)
	do()
	stop()

	for _, p := range []probe.Probe{d, i} {
		c := p.(probe.Accountant).Counts()
		assert.Equal(t, c.Seen, c.Delivered+c.SampledOut+c.Filtered+c.TotalLost(), "%+v", c)
		assert.Zero(t, c.TotalLost(), "%+v", c)
	}
	assert.EqualValues(t, len(logs.Records), i.Counts().Delivered)
	return logs.Records, i
}

func target(t *testing.T, s discovery.Selector) *discovery.Selection {
	t.Helper()
	m, err := s.Compile()
	require.NoError(t, err)
	return &discovery.Selection{Targets: []*discovery.Matcher{m}, Self: uint32(os.Getpid())}
}

// copyOf makes an executable of its own, so that no other process is meant.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	name := t.TempDir() + "/program"
	require.NoError(t, os.WriteFile(name, content, 0o755))
	return name
}

func TestManyShortProcesses(t *testing.T) {
	const runs = 200
	program := copyOf(t, "/bin/true")
	pids := map[int64]int{}
	records, i := run(t, target(t, discovery.Selector{Exe: program}), defaultConfig().(*Config), func() {
		for range runs {
			cmd := exec.Command(program)
			require.NoError(t, cmd.Run())
			pids[int64(cmd.Process.Pid)]++
		}
	})
	require.Len(t, records, 2*runs)
	for _, r := range records {
		pids[r.Attr("process.pid").(int64)]--
		assert.Equal(t, program, r.Attr("process.executable.path"))
		assert.EqualValues(t, os.Getpid(), r.Attr("process.parent_pid"))
		assert.Equal(t, "program", r.Resource["service.name"])
		if r.EventName() == "process.exit" {
			assert.EqualValues(t, 0, r.Attr("process.exit.code"))
		} else {
			assert.Equal(t, "process.exec", r.EventName())
			assert.Nil(t, r.Attr("process.command_args"))
		}
		assert.Equal(t, plog.SeverityNumberInfo, r.SeverityNumber())
	}
	for pid, n := range pids {
		assert.Equal(t, -1, n, "records of pid %d", pid)
	}
	assert.NotNil(t, i)
}

func TestHowProcessesEnd(t *testing.T) {
	sh := copyOf(t, "/bin/sh")
	for _, tt := range []struct {
		script   string
		code     any
		signal   any
		severity plog.SeverityNumber
		body     string
	}{
		{"exit 0", int64(0), nil, plog.SeverityNumberInfo, "exited with code 0"},
		{"exit 7", int64(7), nil, plog.SeverityNumberInfo, "exited with code 7"},
		{"exit 255", int64(255), nil, plog.SeverityNumberInfo, "exited with code 255"},
		{"kill -9 $$", nil, "SIGKILL", plog.SeverityNumberWarn, "was ended by SIGKILL after"},
		{"kill -SEGV $$", nil, "SIGSEGV", plog.SeverityNumberError, "was ended by SIGSEGV"},
		{"kill -TERM $$", nil, "SIGTERM", plog.SeverityNumberInfo, "was ended by SIGTERM after"},
	} {
		t.Run(tt.script, func(t *testing.T) {
			var cmd *exec.Cmd
			records, _ := run(t, target(t, discovery.Selector{Exe: sh}), defaultConfig().(*Config), func() {
				cmd = exec.Command(sh, "-c", tt.script)
				cmd.Dir = t.TempDir()
				_ = cmd.Run()
			})
			require.Len(t, records, 2)
			r := records[1]
			assert.Equal(t, "process.exit", r.EventName())
			assert.EqualValues(t, cmd.Process.Pid, r.Attr("process.pid"))
			assert.Equal(t, tt.code, r.Attr("process.exit.code"))
			assert.Equal(t, tt.signal, r.Attr(attrSignal))
			assert.Equal(t, tt.severity, r.SeverityNumber())
			assert.Contains(t, r.Body().Str(), tt.body)
			if tt.signal != nil {
				dumped := cmd.ProcessState.Sys().(syscall.WaitStatus).CoreDump()
				assert.Equal(t, dumped, r.Attr(attrCoreDumped))
			}
			took := cmd.ProcessState.SystemTime() + cmd.ProcessState.UserTime()
			assert.Greater(t, r.Attr(attrRunTime), 0.0)
			assert.Less(t, r.Attr(attrRunTime), 60.0, "%s of CPU", took)
		})
	}
}

func TestRecordsSayWho(t *testing.T) {
	sh := copyOf(t, "/bin/sh")
	var pid int
	records, _ := run(t, target(t, discovery.Selector{ServiceName: "named", Exe: sh}), &Config{Exec: true, Exit: true, Arguments: true}, func() {
		cmd := exec.Command(sh, "-c", "exit 3", "zero", "--password=geheim", "--user", "anna")
		cmd.Env = []string{"OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test,service.version=1.2"}
		_ = cmd.Run()
		pid = cmd.Process.Pid
	})
	require.Len(t, records, 2)
	r := records[0]
	me, err := user.Current()
	require.NoError(t, err)
	assert.Equal(t, []any{sh, "-c", "exit 3", "zero", "--password=REDACTED", "--user", "anna"}, r.Attr("process.command_args"))
	assert.Equal(t, sh, r.Attr("process.command"))
	assert.EqualValues(t, os.Getuid(), r.Attr("process.user.id"))
	assert.EqualValues(t, os.Getuid(), r.Attr("process.real_user.id"))
	assert.Equal(t, me.Username, r.Attr("process.owner"))
	assert.Equal(t, "Process "+strconv.Itoa(pid)+" executed "+sh+".", r.Body().Str())
	own, err := os.ReadFile("/proc/self/cgroup")
	require.NoError(t, err)
	if len(own) > 0 { // there are kernels without control groups
		assert.Contains(t, strings.Split(strings.TrimSpace(string(own)), "\n"), r.Attr("process.linux.cgroup"))
	}
	assert.InDelta(t, r.ObservedTimestamp().AsTime().UnixNano(), r.Timestamp().AsTime().UnixNano(), 5e9)

	assert.Equal(t, "named", r.Resource["service.name"])
	assert.EqualValues(t, pid, r.Resource["process.pid"])
	assert.Equal(t, "linux", r.Resource["os.type"])
	assert.NotContains(t, r.Resource, "process.command_args")
	for _, r := range records {
		assert.False(t, strings.Contains(r.Body().Str(), "geheim"))
	}
}

func TestOnlySelected(t *testing.T) {
	program := copyOf(t, "/bin/true")
	records, i := run(t, target(t, discovery.Selector{Exe: program}), &Config{Exit: true}, func() {
		for range 10 {
			require.NoError(t, exec.Command("/bin/true").Run())
			require.NoError(t, exec.Command(program).Run())
		}
	})
	assert.Len(t, records, 10)
	for _, r := range records {
		assert.Equal(t, "process.exit", r.EventName())
		assert.Equal(t, program, r.Process.Executable)
	}
	// The others were seen, but no record was made of them.
	assert.GreaterOrEqual(t, i.Counts().Filtered, uint64(20))
}

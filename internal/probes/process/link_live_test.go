// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package process

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	discoveryprobe "github.com/ebpfreceiver/ebpfreceiver/internal/probes/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/signals"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// runWithSignals observes what do starts, also with the Instrument "signals", and gives the records.
func runWithSignals(t *testing.T, do func()) []livetest.Log {
	t.Helper()
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	logs := &livetest.Logs{}
	set := probe.Settings{
		Logger: zaptest.NewLogger(t), Clock: livetest.Clock{}, Emit: logs, Signals: probe.Logs, Selection: &discovery.Selection{},
	}
	f := discoveryprobe.Factory()
	d := livetest.Load(t, f, set, f.DefaultConfig(), nil)
	set.Processes = d.(probe.Processes)
	deps := map[string]probe.Probe{daemon: d}
	s := livetest.Load(t, signals.Factory(), set, nil, deps)
	i := livetest.Load(t, Factory(), set, &Config{Exit: true}, deps)
	for _, p := range []probe.Probe{d, s, i} {
		livetest.Attach(t, p)
	}
	pump := livetest.PumpJoined(t, d, s, i)
	do()
	pump.Stop()
	c := i.(probe.Accountant).Counts()
	assert.Equal(t, c.Seen, c.Delivered+c.Filtered+c.TotalLost(), "%+v", c)
	assert.Zero(t, c.TotalLost(), "%+v", c)
	return logs.Records
}

// of finds the one record of that name and process.
func of(t *testing.T, records []livetest.Log, name string, pid int) livetest.Log {
	t.Helper()
	var found []livetest.Log
	for _, r := range records {
		if r.EventName() == name && r.Attr("process.pid") == int64(pid) {
			found = append(found, r)
		}
	}
	require.Len(t, found, 1, "%s of %d", name, pid)
	return found[0]
}

// The record of an exit refers to the one of the signal, and says itself who killed whom.
func TestExitRefersToSignal(t *testing.T) {
	var victim, killer, crashed, plain *exec.Cmd
	records := runWithSignals(t, func() {
		victim = exec.Command("sleep", "60")
		require.NoError(t, victim.Start())
		time.Sleep(50 * time.Millisecond)
		killer = exec.Command("/bin/kill", "-9", strconv.Itoa(victim.Process.Pid))
		require.NoError(t, killer.Run())
		_ = victim.Wait()
		crashed = exec.Command("python3", "-c", "import ctypes; ctypes.string_at(0x1234)")
		crashed.Dir = t.TempDir()
		_ = crashed.Run()
		plain = exec.Command("true")
		require.NoError(t, plain.Run())
		time.Sleep(300 * time.Millisecond)
	})
	exit, signal := of(t, records, "process.exit", victim.Process.Pid), of(t, records, signals.Event, victim.Process.Pid)
	assert.NotEmpty(t, signal.Attr("log.record.uid"))
	assert.Equal(t, signal.Attr("log.record.uid"), exit.Attr(attrSignalRecord))
	assert.Equal(t, "SIGKILL", exit.Attr(attrSignal))
	assert.Equal(t, "SI_USER", exit.Attr("ebpf.signal.code"))
	assert.EqualValues(t, killer.Process.Pid, exit.Attr("ebpf.signal.sender.pid"))
	assert.Equal(t, "kill", exit.Attr("ebpf.signal.sender.name"))
	assert.EqualValues(t, os.Geteuid(), exit.Attr("ebpf.signal.sender.user.id"))
	assert.Equal(t, signal.Resource, exit.Resource)
	assert.Contains(t, exit.Body().Str(), "was ended by SIGKILL from process "+strconv.Itoa(killer.Process.Pid)+" (kill) after ")

	exit, signal = of(t, records, "process.exit", crashed.Process.Pid), of(t, records, signals.Event, crashed.Process.Pid)
	assert.Equal(t, signal.Attr("log.record.uid"), exit.Attr(attrSignalRecord))
	assert.Equal(t, "SEGV_MAPERR", exit.Attr("ebpf.signal.code"))
	assert.Equal(t, "0x1234", exit.Attr("ebpf.signal.address"))
	assert.Nil(t, exit.Attr("ebpf.signal.sender.pid"))

	exit = of(t, records, "process.exit", plain.Process.Pid)
	assert.Nil(t, exit.Attr(attrSignalRecord))
	assert.EqualValues(t, 0, exit.Attr("process.exit.code"))
}

// Without that Instrument nothing is guessed, and nothing waits.
func TestExitAlone(t *testing.T) {
	sh := copyOf(t, "/bin/sh")
	records, i := run(t, target(t, discovery.Selector{Exe: sh}), &Config{Exit: true}, func() {
		_ = exec.Command(sh, "-c", "kill -9 $$").Run()
	})
	require.Len(t, records, 1)
	for k := range records[0].Attributes().All() {
		assert.NotContains(t, k, "ebpf.signal.")
	}
	assert.Nil(t, records[0].Attr(attrSignalRecord))
	assert.Empty(t, i.waiting)
}

// Many that are killed at once: each exit refers to its own signal.
func TestManyExitsRefer(t *testing.T) {
	const n = 200
	pids := map[int]bool{}
	records := runWithSignals(t, func() {
		var all []*exec.Cmd
		for range n {
			cmd := exec.Command("sleep", "60")
			require.NoError(t, cmd.Start())
			all = append(all, cmd)
			pids[cmd.Process.Pid] = true
		}
		for _, cmd := range all {
			require.NoError(t, cmd.Process.Kill())
		}
		for _, cmd := range all {
			_ = cmd.Wait()
		}
		time.Sleep(300 * time.Millisecond)
	})
	for pid := range pids {
		exit, signal := of(t, records, "process.exit", pid), of(t, records, signals.Event, pid)
		require.Equal(t, signal.Attr("log.record.uid"), exit.Attr(attrSignalRecord))
		require.EqualValues(t, os.Getpid(), exit.Attr("ebpf.signal.sender.pid"))
	}
}

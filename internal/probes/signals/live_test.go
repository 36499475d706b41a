// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package signals

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	discoveryprobe "github.com/ebpfreceiver/ebpfreceiver/internal/probes/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// run observes what do starts and gives the records of it.
func run(t *testing.T, do func()) ([]livetest.Log, probe.Counts) {
	t.Helper()
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	logs := &livetest.Logs{}
	set := probe.Settings{
		Logger: zaptest.NewLogger(t), Clock: livetest.Clock{}, Emit: logs, Signals: probe.Logs,
		Selection: &discovery.Selection{},
	}
	f := discoveryprobe.Factory()
	d := livetest.Load(t, f, set, f.DefaultConfig(), nil)
	set.Processes = d.(probe.Processes)
	i := livetest.Load(t, Factory(), set, nil, map[string]probe.Probe{"discovery": d})
	livetest.Attach(t, d)
	livetest.Attach(t, i)
	pump := livetest.PumpJoined(t, d, i)
	do()
	pump.Stop()
	c := i.(probe.Accountant).Counts()
	assert.Equal(t, c.Seen, c.Delivered+c.Filtered+c.TotalLost(), "%+v", c)
	assert.Zero(t, c.TotalLost(), "%+v", c)
	return logs.Records, c
}

// of are the records of one process.
func of(records []livetest.Log, pid int) []livetest.Log {
	var found []livetest.Log
	for _, r := range records {
		if r.Attr("process.pid") == int64(pid) {
			found = append(found, r)
		}
	}
	return found
}

func TestWhoKilledWhom(t *testing.T) {
	victim := exec.Command("sleep", "60")
	var killer *exec.Cmd
	records, _ := run(t, func() {
		require.NoError(t, victim.Start())
		killer = exec.Command("bash", "-c", "kill -KILL "+strconv.Itoa(victim.Process.Pid)+"; true")
		require.NoError(t, killer.Run())
		require.Error(t, victim.Wait())
	})
	found := of(records, victim.Process.Pid)
	require.Len(t, found, 1)
	r := found[0]
	assert.Equal(t, "ebpf.process.signal", r.EventName())
	assert.Equal(t, "SIGKILL", r.Attr(attrSignal))
	assert.Equal(t, "SI_USER", r.Attr(attrCode))
	assert.EqualValues(t, killer.Process.Pid, r.Attr(attrSender))
	assert.Equal(t, "bash", r.Attr(attrSenderName))
	assert.Contains(t, r.Attr(attrSenderExe), "bash")
	assert.EqualValues(t, os.Getuid(), r.Attr(attrSenderUser))
	assert.Equal(t, "sleep", r.Resource["process.executable.name"])
	assert.Contains(t, r.Body().Str(), "was ended by SIGKILL from process "+strconv.Itoa(killer.Process.Pid)+" (bash).")
	assert.WithinDuration(t, time.Now(), r.Timestamp().AsTime(), 10*time.Second)
	assert.Empty(t, of(records, killer.Process.Pid), "it ended by itself")
}

// Signals that are caught or ignored end nothing.
func TestCaughtSignals(t *testing.T) {
	cmd := exec.Command("bash", "-c", "trap '' TERM; trap 'n=1' USR1; for i in 1 2 3; do kill -USR1 $$; kill -TERM $$; done; kill -USR2 $$; sleep 1")
	records, c := run(t, func() { require.Error(t, cmd.Run()) })
	found := of(records, cmd.Process.Pid)
	require.Len(t, found, 1)
	assert.Equal(t, "SIGUSR2", found[0].Attr(attrSignal))
	assert.Contains(t, found[0].Body().Str(), "which it sent itself")
	assert.Zero(t, c.Incomplete)
}

const crash = `
#include <stdlib.h>
#include <stdio.h>
#include <pthread.h>
static void *boom(void *p) { *(volatile int *)0x5eed = 1; return p; }
int main(int n, char **v) {
	if (n > 2) { pthread_t t; pthread_create(&t, 0, boom, 0); pthread_join(t, 0); }
	if (n > 1) abort();
	printf("%p\n", (void *)boom); fflush(stdout);
	boom(0);
}`

// compile makes the program that crashes.
func compile(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("there is no gcc to compile the program that crashes")
	}
	dir := t.TempDir()
	src, bin := filepath.Join(dir, "crash.c"), filepath.Join(dir, "crash")
	require.NoError(t, os.WriteFile(src, []byte(crash), 0o600))
	out, err := exec.Command("gcc", "-O0", "-pthread", "-o", bin, src).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

func TestCrashes(t *testing.T) {
	bin := compile(t)
	for _, tt := range []struct {
		args            []string
		signal, code    string
		address, sender any
		body            string
	}{
		{nil, "SIGSEGV", "SEGV_MAPERR", "0x5eed", nil, `at the address 0x5eed`},
		{[]string{"abort"}, "SIGABRT", "SI_TKILL", nil, "itself", "which it sent itself"},
		{[]string{"in", "a thread"}, "SIGSEGV", "SEGV_MAPERR", "0x5eed", nil, `at the address 0x5eed`},
	} {
		t.Run(tt.signal, func(t *testing.T) {
			cmd := exec.Command(bin, tt.args...)
			cmd.Dir = t.TempDir()
			records, _ := run(t, func() { require.Error(t, cmd.Run()) })
			found := of(records, cmd.Process.Pid)
			require.Len(t, found, 1)
			r := found[0]
			assert.Equal(t, tt.signal, r.Attr(attrSignal))
			assert.Equal(t, tt.code, r.Attr(attrCode))
			assert.Equal(t, tt.address, r.Attr(attrAddress))
			if tt.sender != nil {
				assert.EqualValues(t, cmd.Process.Pid, r.Attr(attrSender))
			} else {
				assert.Nil(t, r.Attr(attrSender))
			}
			dumped := cmd.ProcessState.Sys().(syscall.WaitStatus).CoreDump()
			assert.Equal(t, dumped, r.Attr(attrCoreDumped))
			assert.Regexp(t, regexp.QuoteMeta(tt.body), r.Body().Str())
			assert.Equal(t, bin, r.Attr("process.executable.path"))
		})
	}
}

// Each of many is reported.
func TestManyKilled(t *testing.T) {
	const n = 100
	pids := map[int]bool{}
	records, c := run(t, func() {
		for range n {
			cmd := exec.Command("sleep", "60")
			require.NoError(t, cmd.Start())
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait()
			pids[cmd.Process.Pid] = true
		}
	})
	seen := 0
	for _, r := range records {
		if pids[int(r.Attr("process.pid").(int64))] {
			seen++
			assert.EqualValues(t, os.Getpid(), r.Attr(attrSender), "%s %v", r.Body().Str(), r.Attributes().AsRaw())
		}
	}
	assert.Equal(t, n, seen)
	assert.GreaterOrEqual(t, c.Delivered, uint64(n))
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// finish runs a command to whatever end and gives its process ID.
func finish(t *testing.T, name string, args ...string) int64 {
	t.Helper()
	cmd := exec.Command(name, args...)
	_ = cmd.Run() // how it ends is what is tested
	require.NotNil(t, cmd.ProcessState)
	return int64(cmd.ProcessState.Pid())
}

func TestEachExecAndExitIsRecorded(t *testing.T) {
	live(t)
	c := startCollector(t, "probes: {process: {}}")
	var ok []int64
	for range 200 {
		ok = append(ok, finish(t, "/bin/true"))
	}
	failed := finish(t, "/bin/sh", "-c", "exit 7")
	killed := finish(t, "/bin/sh", "-c", "kill -9 $$")
	crashed := finish(t, "python3", "-c", "import ctypes; ctypes.string_at(0)")
	terminated := start(t, exec.Command("/bin/sleep", "60"))
	terminated.stop(t, syscall.SIGTERM)

	by := func(name string, pid int64) []event {
		return c.eventsOf(func(e event) bool { return e.name == name && e.attrs["process.pid"] == pid })
	}
	last := int64(terminated.pid())
	waitFor(t, "the last exit", func() bool { return len(by("process.exit", last)) > 0 })
	c.shutdown(t)
	for _, pid := range ok {
		execs, exits := by("process.exec", pid), by("process.exit", pid)
		require.Len(t, execs, 1)
		require.Len(t, exits, 1)
		require.True(t, strings.HasSuffix(execs[0].attrs["process.executable.path"].(string), "/bin/true"))
		require.Equal(t, "true", exits[0].attrs["process.executable.name"])
		require.Equal(t, int64(0), exits[0].attrs["process.exit.code"])
		require.NotContains(t, exits[0].attrs, "ebpf.process.exit.signal")
	}
	for what, want := range map[string]struct {
		pid    int64
		code   any
		signal any
	}{
		"exit 7":        {failed, int64(7), nil},
		"kill -9":       {killed, nil, "SIGKILL"},
		"null pointer":  {crashed, nil, "SIGSEGV"},
		"ended by TERM": {last, nil, "SIGTERM"},
	} {
		exits := by("process.exit", want.pid)
		if assert.Len(t, exits, 1, what) {
			assert.Equal(t, want.code, exits[0].attrs["process.exit.code"], what)
			assert.Equal(t, want.signal, exits[0].attrs["ebpf.process.exit.signal"], what)
		}
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	// The command name may hold anything.
	s, err := parseStat([]byte("42 (a) b (c) S 7 42 42 0 -1 4194368 1 2 3 4 5 6 7 8 20 0 1 0 12345 999 1\n"))
	require.NoError(t, err)
	assert.Equal(t, procStat{comm: "a) b (c", parent: 7, flags: 4194368, start: 123450000000, memory: activity{1, 999}}, s)
	assert.NotZero(t, s.flags&forkNoExec)

	for _, text := range []string{"", "42", "42 (a", "42 )a(", "42 (a) S 1", "42 (a) S x 42 42 0 -1 64 1 2 3 4 5 6 7 8 20 0 1 0 12345"} {
		_, err := parseStat([]byte(text))
		require.ErrorIs(t, err, errStat, text)
	}
}

func TestParseStatus(t *testing.T) {
	s := parseStatus([]byte("Name:\tx\nUid:\t1000\t33\t33\t33\nNSpid:\t4711\t7\n"))
	assert.Equal(t, procStatus{uid: 1000, euid: 33, innerPID: 7}, s)
	assert.Zero(t, parseStatus([]byte("Uid:\nNSpid:\n\x00")))
}

func TestSplitArgs(t *testing.T) {
	assert.Nil(t, splitArgs(nil))
	assert.Nil(t, splitArgs([]byte("\x00\x00")))
	assert.Equal(t, []string{"a", "", "b"}, splitArgs([]byte("a\x00\x00b\x00")))
	assert.Equal(t, []string{"nginx: worker process"}, splitArgs([]byte("nginx: worker process\x00\x00\x00")))
	assert.Equal(t, []string{"a\uFFFD"}, splitArgs([]byte("a\xff\x00")))
}

func TestParseListening(t *testing.T) {
	sockets := map[uint64]uint16{}
	parseListening(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20001 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 20002 1 0000000000000000 100 0 0 10 0
   2: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20003 1 0000000000000000 100 0 0 10 0
   3: broken
`, sockets)
	assert.Equal(t, map[uint64]uint16{20001: 8080, 20003: 443}, sockets)
}

func TestOwnProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	var fs procFS
	pid := uint32(os.Getpid())
	st, err := fs.stat(pid)
	require.NoError(t, err)
	assert.EqualValues(t, os.Getppid(), st.parent)
	exe, err := os.Executable()
	require.NoError(t, err)
	assert.Equal(t, exe, fs.exe(pid))
	assert.Equal(t, os.Args, fs.args(pid))
	assert.Equal(t, runtime.Version(), make(goBinaries).version(fs.path(pid, "exe")))
	assert.Empty(t, make(goBinaries).version("/bin/sh"))
	_, err = fs.stat(1 << 30)
	require.ErrorIs(t, err, os.ErrNotExist)
}

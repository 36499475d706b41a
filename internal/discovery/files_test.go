// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

func TestParseMapping(t *testing.T) {
	for line, want := range map[string]mapped{
		"00b6f000-00b71000 r-xp 0076f000 fe:00 247580                             /usr/bin/node\n": {FileID{0xfe << 32, 247580}, "/usr/bin/node", "b6f000-b71000"},
		"7fd8b2600000-7fd8b2792000 r-xp 014c4000 08:01 5 /a file with spaces (deleted)\n":          {FileID{8<<32 | 1, 5}, "/a file with spaces", "7fd8b2600000-7fd8b2792000"},
		"00400000-00b6f000 r--p 00000000 fe:00 247580                             /usr/bin/node\n": {},
		"7ffd5b5fe000-7ffd5b600000 r-xp 00000000 00:00 0                          [vdso]\n":        {},
		"7fd8b2792000-7fd8b2793000 r-xp 00000000 00:00 0 \n":                                       {},
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n":    {},
		"7fd8b2600000-7fd8b2792000 r-xp 014c4000 zz:01 5 /x\n":                                     {},
		"": {},
	} {
		got, ok := parseMapping(line)
		assert.Equal(t, want != mapped{}, ok, line)
		if ok {
			assert.Equal(t, want, got, line)
		}
	}
}

type counting struct{ open, closed int }

func (c *counting) Close() error { c.closed++; return nil }

// files follows copies of sleep, which is attached to by its name.
func files(linger time.Duration) (*Files, *counting, *[]probe.File) {
	c, seen := &counting{}, &[]probe.File{}
	return NewFiles(FilesOptions{
		Linger: linger, Max: 16,
		Wanted: func(path string, main, _ bool) bool { return main && filepath.Base(path) == "sleeper" },
		Attach: func(f probe.File, _ *os.File) io.Closer {
			c.open++
			*seen = append(*seen, f)
			return c
		},
	}), c, seen
}

func sleeper(t *testing.T, path string) (pid uint32, start uint64, stop func()) {
	t.Helper()
	cmd := exec.Command(path, "60")
	require.NoError(t, cmd.Start())
	var once bool
	stop = func() {
		if !once {
			once = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	pid = uint32(cmd.Process.Pid)
	// The exec is over when the file is mapped, and the dynamic linker has done its part when it
	// sleeps: from then on its memory does not change.
	sleeps := filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "syscall")
	nanosleep := strconv.Itoa(unix.SYS_CLOCK_NANOSLEEP) + " "
	require.Eventually(t, func() bool {
		call, err := os.ReadFile(sleeps)
		return err == nil && strings.HasPrefix(string(call), nanosleep) && procFS("").exe(pid) == path
	}, 5*time.Second, time.Millisecond)
	st, err := procFS("").stat(pid)
	require.NoError(t, err)
	return pid, st.start, stop
}

func copyOfSleep(t *testing.T, to string) {
	t.Helper()
	from, err := exec.LookPath("sleep")
	require.NoError(t, err)
	b, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to+".new", b, 0o755))
	require.NoError(t, os.Rename(to+".new", to))
}

// TestFilesAreAttachedToOnce: by the first process, until the last is gone for a while.
func TestFilesAreAttachedToOnce(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: opens what other processes map")
	}
	path := filepath.Join(t.TempDir(), "sleeper")
	copyOfSleep(t, path)
	f, c, _ := files(time.Second)
	var pids []uint32
	var starts []uint64
	for range 3 {
		pid, start, stop := sleeper(t, path)
		require.True(t, f.Look(pid, start, false))
		require.True(t, f.Look(pid, start, false), "again")
		assert.Equal(t, 1, f.Uses(pid, start))
		pids, starts = append(pids, pid), append(starts, start)
		defer stop()
	}
	assert.Equal(t, 1, c.open)
	for i, pid := range pids {
		f.Gone(pid, starts[i], 1e9)
		f.Gone(pid, starts[i], 1e9) // twice: an exec after an exit was missed
		f.Tick(10e9)
		assert.Equal(t, i == len(pids)-1, c.closed == 1, "after %d", i+1)
	}
	assert.Zero(t, f.Attached())

	pid, start, _ := sleeper(t, path)
	require.True(t, f.Look(pid, start, false))
	assert.Equal(t, 2, c.open, "anew")
	f.Gone(pid, start, 20e9)
	f.Tick(20e9)
	assert.Equal(t, 1, c.closed, "one may come soon")
	require.NoError(t, f.Close())
	assert.Equal(t, 2, c.closed)
}

// TestReplacedFileIsAnotherOne though it has the path of one that still runs, and one
// whose process has ended unseen is let go.
func TestReplacedFileIsAnotherOne(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: opens what other processes map")
	}
	path := filepath.Join(t.TempDir(), "sleeper")
	copyOfSleep(t, path)
	f, c, seen := files(0)
	old, oldStart, stop := sleeper(t, path)
	copyOfSleep(t, path)
	pid, start, _ := sleeper(t, path)
	require.True(t, f.Look(pid, start, false))
	require.True(t, f.Look(old, oldStart, false))
	require.Equal(t, 2, c.open)
	assert.Equal(t, (*seen)[0].Path, (*seen)[1].Path)
	assert.NotEqual(t, (*seen)[0].Inode, (*seen)[1].Inode)
	assert.Less(t, (*seen)[0].Generation, (*seen)[1].Generation)

	stop()
	var again []uint32
	look := func(pid uint32, _ uint64) { again = append(again, pid) }
	f.Sweep(5, look)
	assert.Empty(t, again, "it has not done anything since")
	f.looked[keyFor(pid, start)] = activity{faults: 1}
	f.Sweep(5, look)
	assert.Empty(t, again, "its memory is as large as it was")
	f.sizes[keyFor(pid, start)] = procSize{n: 1}
	f.Sweep(5, look)
	f.Tick(5)
	assert.Equal(t, []uint32{pid}, again)
	assert.Equal(t, 1, c.closed)
	assert.False(t, f.Look(old, oldStart, false), "it is gone")
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// group makes a control group in a hierarchy. Its number is the folder's inode.
func group(t *testing.T, root string) (dir string, id uint64) {
	t.Helper()
	dir = filepath.Join(root, "ebpfreceiver-"+strconv.Itoa(os.Getpid()))
	require.NoError(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() {
		assert.Eventually(t, func() bool { return os.Remove(dir) == nil }, waitFor, step, "a process is left in %s", dir)
	})
	info, err := os.Stat(dir)
	require.NoError(t, err)
	return dir, info.Sys().(*syscall.Stat_t).Ino
}

// TestControlGroups runs a program that is gone at once in control groups of its
// own, and asks what was told of them.
func TestControlGroups(t *testing.T) { eachVariant(t, testControlGroups) }

func testControlGroups(t *testing.T, variant int) {
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	if k.Mounts().CgroupV2 == "" {
		t.Skip("the unified hierarchy of control groups is not mounted")
	}
	sh := program(t, "/bin/sh")
	w := start(t, variant, selectBy(t, discovery.Selector{Exe: sh}))

	dir, unified := group(t, k.Mounts().CgroupV2)
	fd, err := os.Open(dir)
	require.NoError(t, err)
	defer fd.Close()
	cmd := exec.Command(sh, "-c", "(:); exec "+sh+" -c 'exit 3'")
	// Born there, while its parent is elsewhere.
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(fd.Fd())}
	_ = cmd.Run()
	w.eventually(t, "exit", func() bool { return len(w.of(cmd.Process.Pid, discovery.Exit)) == 1 })
	events := append(w.of(cmd.Process.Pid, discovery.Exec), w.of(cmd.Process.Pid, discovery.Exit)...)
	require.Len(t, events, 3)
	for _, e := range events {
		assert.Equal(t, unified, e.CgroupID.V2)
	}

	root := mainRoot(t, k)
	if root == "" {
		return // this host has the unified hierarchy only
	}
	dir, v1 := group(t, root)
	outside := events[0].CgroupID.V1
	assert.NotZero(t, outside)
	assert.NotEqual(t, v1, outside)
	cmd = exec.Command(sh, "-c", "echo 0 > "+dir+"/cgroup.procs; exec "+sh+" -c 'exit 4'")
	_ = cmd.Run()
	w.eventually(t, "exit", func() bool { return len(w.of(cmd.Process.Pid, discovery.Exit)) == 1 })
	execs := w.of(cmd.Process.Pid, discovery.Exec)
	require.Len(t, execs, 2)
	assert.Equal(t, outside, execs[0].CgroupID.V1, "it moves later")
	assert.Equal(t, v1, execs[1].CgroupID.V1)
	exit := w.of(cmd.Process.Pid, discovery.Exit)[0]
	assert.Equal(t, v1, exit.CgroupID.V1)
	assert.Equal(t, 4, exit.ExitCode())
}

// mainRoot is where the hierarchy of version 1 is mounted whose groups are told,
// or empty.
func mainRoot(t *testing.T, k *kernel.Kernel) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	require.NoError(t, err)
	wanted := strconv.Itoa(int(discovery.MainHierarchy(string(text))))
	for line := range strings.Lines(string(text)) {
		id, rest, _ := strings.Cut(line, ":")
		controllers, _, _ := strings.Cut(rest, ":")
		if id == wanted && id != "0" {
			first, _, _ := strings.Cut(controllers, ",")
			return k.Mounts().CgroupV1[first]
		}
	}
	return ""
}

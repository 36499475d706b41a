// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object_test

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// Static probes and uprobes in the files of selected processes, which are in a container: in
// other files than those of the same paths outside.
func TestLiveContainers(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the object is compiled for amd64")
	}
	livetest.RequireRoot(t)
	const script = `
import os, sys
for line in sys.stdin:
    if line == "end\n": break
    sys.modules.pop("colorsys", None)
    import colorsys
    for _ in range(int(line)): os.getppid()
    print("done", flush=True)`
	run := func(command string, args ...string) (pid int64, ask func(n int)) {
		cmd := exec.Command(command, args...)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _, _ = in.Write([]byte("end\n")); _ = cmd.Wait() })
		return int64(cmd.Process.Pid), func(n int) {
			_, err := fmt.Fprintln(in, n)
			require.NoError(t, err)
			_, err = out.Read(make([]byte, 16))
			require.NoError(t, err)
		}
	}
	container := func(root string) (pid int64, ask func(n int)) {
		return run("/usr/bin/unshare", "--mount", "sh", "-c", `mount --bind "$0" "$0" && cd "$0" && pivot_root . old && exec /usr/bin/observed-python -S -c "$1"`, root, script)
	}
	before, askBefore := container(imageOfPython(t))
	askBefore(0) // it is in its container by then
	outside, askOutside := run("/usr/bin/python3.11", "-S", "-c", script)
	o := start(t, `
path: `+object("python")+`
losses: {ring_full: dropped}
attach:
  on_import: {selected: true, path: "observed-*"}
  on_getppid: {selected: true}
outputs:
  - map: imports
    log: {name: python.import, body: "imported {module}"}
    attributes: {pid: process.pid, module: code.module}
  - map: asked
    unselected: keep
    metric: {name: getppid.calls, type: sum}
    attributes: {key: process.pid}
`, targets("/usr/bin/observed-python"))
	asked := func(pid int64) float64 {
		for _, p := range o.points("getppid.calls") {
			if p.attrs["process.pid"] == pid {
				return p.number
			}
		}
		return 0
	}
	askBefore(77)
	until(t, "the calls of the one that ran before", func() bool { return asked(before) == 77 })
	after, askAfter := container(imageOfPython(t)) // with files of its own
	askAfter(0)
	askOutside(50)
	until(t, "calls of the one that started later", func() bool { askAfter(1); return asked(after) > 0 })
	assert.Zero(t, asked(outside), "the library outside is another file")
	until(t, "the imports of both", func() bool {
		imported := map[any]bool{}
		for _, r := range o.logRecords() {
			if r.attrs()["code.module"] == "colorsys" && r.resource["service.name"] == "watched" {
				imported[r.resource["process.pid"]] = true
			}
		}
		return imported[before] && imported[after]
	})
	o.stop()
}

// imageOfPython makes a folder with what Python needs to run with it as its root.
func imageOfPython(t testing.TB) string {
	t.Helper()
	const python = "/usr/bin/python3.11"
	if _, err := os.Stat(python); err != nil {
		t.Skip("needs Debian's python3.11")
	}
	root := t.TempDir()
	give := func(from, to string) {
		data, err := os.ReadFile(from)
		require.NoError(t, err)
		to = filepath.Join(root, to)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, data, 0o755))
	}
	give(python, "/usr/bin/observed-python")
	libraries, err := exec.Command("/usr/bin/ldd", python).Output()
	require.NoError(t, err)
	for field := range strings.FieldsSeq(string(libraries)) {
		if strings.HasPrefix(field, "/") {
			give(field, field)
		}
	}
	modules, err := filepath.Glob("/usr/lib/python3.11/encodings/*.py")
	require.NoError(t, err)
	for _, name := range append(modules, "/usr/lib/python3.11/colorsys.py") {
		give(name, name)
	}
	require.NoError(t, os.Mkdir(filepath.Join(root, "old"), 0o755))
	return root
}

// containerGroup makes a control group that has the name which runtimes of containers give
// them.
func containerGroup(t testing.TB) (dir, id string) {
	t.Helper()
	livetest.RequireRoot(t)
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails
	id = hex.EncodeToString(random)
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(root + "/cgroup.procs"); err != nil {
			continue
		}
		if controllers, err := os.Stat(root + "/cgroup.controllers"); err != nil || controllers.IsDir() {
			continue
		}
		dir = root + "/docker-" + id + ".scope"
		require.NoError(t, os.Mkdir(dir, 0o755))
		t.Cleanup(func() {
			_ = os.WriteFile(dir+"/cgroup.kill", []byte("1"), 0) // what a failed test left
			until(t, "the control group to be left", func() bool { return os.Remove(dir) == nil })
		})
		return dir, id
	}
	t.Skip("cgroup v2 is not mounted")
	return "", ""
}

// Stacks by the names of functions, users by theirs, control groups by the containers that they
// are of, and devices by their names.
func TestLiveStacks(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the object has the number of a system call of amd64")
	}
	group, id := containerGroup(t)
	cmd := exec.Command("/bin/bash", "-c", `echo $$ > "$0"/cgroup.procs && read go; exec sleep 2`, group)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	o := start(t, fmt.Sprintf(`
path: %s
constants: {only_pid: %d}
outputs:
  - map: naps
    process: none
    timestamp: time
    clock: boot
    log: {name: nap}
    attributes:
      kernel: {as: kernel_stack, stacks: traces}
      user: {as: user_stack, stacks: traces, pid: pid}
      uid: {name: user.name, as: user}
      cgroup: {name: container.id, as: container}
      device: {name: device, as: device_name}
      time: {as: boottime}
  - map: naps
    process: none
    log: {name: plain}
    attributes: {cgroup: {as: cgroup}, device: device}
`, object("stacks"), cmd.Process.Pid), "")
	_, err = stdin.Write([]byte("go\n"))
	require.NoError(t, err)
	until(t, "the nap", func() bool { return o.logs.LogRecordCount() > 1 })
	require.NoError(t, cmd.Wait())
	o.stop()
	attrs := o.logRecords()[0].attrs()
	t.Log(attrs)
	assert.Contains(t, attrs["kernel"], "do_syscall_64+0x")
	assert.Contains(t, attrs["user"], "clock_nanosleep")
	assert.Equal(t, "root", attrs["user.name"])
	assert.Equal(t, id, attrs["container.id"])
	var sleep unix.Stat_t
	require.NoError(t, unix.Stat("/bin/sleep", &sleep))
	numbers := fmt.Sprintf("%d:%d", unix.Major(sleep.Dev), unix.Minor(sleep.Dev))
	if device, err := os.ReadFile("/sys/dev/block/" + numbers + "/uevent"); err == nil {
		assert.Contains(t, string(device), "DEVNAME="+attrs["device"].(string)+"\n")
	}
	plain := o.logRecords()[1].attrs()
	assert.Equal(t, "/"+filepath.Base(group), plain["cgroup"])
	assert.Equal(t, numbers, plain["device"])
	when, err := time.Parse(time.RFC3339Nano, attrs["time"].(string))
	require.NoError(t, err)
	assert.WithinRange(t, when, time.Now().Add(-20*time.Second), time.Now())
}

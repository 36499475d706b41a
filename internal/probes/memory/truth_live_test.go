// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package memory

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// Faults are those that perf counts for the same process, in the kernel's handler of faults.
func TestFaultsAgainstPerfStat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, make([]byte, 16<<20), 0o600))
	require.NoError(t, exec.Command("sync", file).Run())
	i, said, pump := load(t)
	cmd := exec.Command("python3", "-c", `
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
m = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
m.madvise(mmap.MADV_RANDOM)
def step():
    os.write(1, b"ready\n")
    os.read(0, 1)
step()
a = mmap.mmap(-1, 16 << 20)
for i in range(0, len(a), 4096): a[i] = 1
s = sum(m[i] for i in range(0, len(m), 65536))
step()`, file)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(out)
	ready := func() {
		t.Helper()
		_, err := lines.ReadString('\n')
		require.NoError(t, err)
		time.Sleep(100 * time.Millisecond)
	}
	read := func() map[string]float64 {
		said.Reset()
		pump.Collect(t, i)
		return said.Values(metricFaults, cmd.Process.Pid)
	}
	ready()
	end := livetest.PerfStat(t, cmd.Process.Pid, "minor-faults", "major-faults")
	before := read()
	_, err = io.WriteString(in, "1")
	require.NoError(t, err)
	ready()
	after := read()
	want := end()
	minor, major := attrFault+"=minor", attrFault+"=major"
	t.Logf("perf: %v; here %v minor, %v major", want, after[minor]-before[minor], after[major]-before[major])
	assert.Equal(t, want["minor-faults"], after[minor]-before[minor])
	assert.Equal(t, want["major-faults"], after[major]-before[major])
	assert.Greater(t, want["minor-faults"], 4000.0)
	if want["major-faults"] == 0 {
		t.Log("The file's memory is never off the machine here: there were no major faults.")
	}
	livetest.Conserved(t, i)
}

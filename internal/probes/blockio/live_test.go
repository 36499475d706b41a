// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package blockio

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	discoveryprobe "github.com/ebpfreceiver/ebpfreceiver/internal/probes/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// load starts the Instrument.
func load(t *testing.T) (i probe.Probe, metrics *livetest.Metrics, pump *livetest.Pumped) {
	t.Helper()
	return loadVariant(t, 0)
}

// loadVariant starts a variant of it.
func loadVariant(t *testing.T, variant int) (i probe.Probe, metrics *livetest.Metrics, pump *livetest.Pumped) {
	t.Helper()
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	metrics = &livetest.Metrics{}
	set := probe.Settings{
		Logger: zaptest.NewLogger(t), Clock: livetest.Clock{}, Emit: metrics, Signals: probe.Metrics, Selection: &discovery.Selection{},
	}
	f := discoveryprobe.Factory()
	d := livetest.Load(t, f, set, f.DefaultConfig(), nil)
	set.Processes = d.(probe.Processes)
	f = Factory()
	i = livetest.LoadVariant(t, f, variant, set, f.DefaultConfig(), map[string]probe.Probe{"discovery": d})
	livetest.Attach(t, d)
	livetest.Attach(t, i)
	return i, metrics, livetest.PumpJoined(t, d, i)
}

// requests is the map of those on their way, which the kernel gives by its number.
func requests(t *testing.T) (found *ebpf.Map) {
	t.Helper()
	for id := ebpf.MapID(0); ; {
		var err error
		if id, err = ebpf.MapGetNextID(id); err != nil {
			require.NotNil(t, found)
			return found
		}
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = m.Close() })
		if info, err := m.Info(); err == nil && info.Name == "block_requests" {
			found = m
		}
	}
}

// disk is a device as /proc/diskstats has it: completed operations, bytes and
// milliseconds of reads and of writes.
type disk struct {
	name                    string
	reads, readBytes, readT float64
	writes, written, writeT float64
}

// diskOf finds the device that a folder is on.
func diskOf(t *testing.T, folder string) string {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Stat(folder, &st))
	number := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	target, err := filepath.EvalSymlinks(number)
	if err != nil {
		t.Skip("the folder for temporary files is on no block device")
	}
	if _, err := os.Stat(filepath.Join(target, "partition")); err == nil {
		target = filepath.Dir(target)
	}
	return filepath.Base(target)
}

func stats(t *testing.T, name string) (d disk) {
	t.Helper()
	text, err := os.ReadFile("/proc/diskstats")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[2] != name {
			continue
		}
		n := func(i int) float64 {
			v, err := strconv.ParseFloat(f[i], 64)
			require.NoError(t, err)
			return v
		}
		return disk{name, n(3), n(5) * 512, n(6), n(7), n(9) * 512, n(10)}
	}
	t.Fatalf("/proc/diskstats has no %s", name)
	return d
}

// sums are count and sum of each histogram and operation, of all processes that there were.
func sums(m *livetest.Metrics, device string) map[[2]string][2]float64 {
	all := map[[2]string][2]float64{}
	for _, metric := range []string{metricDevice, metricQueue, metricSize} {
		for _, op := range []string{"read", "write"} {
			type process struct {
				pid   uint32
				start uint64
			}
			last := map[process]livetest.Point{}
			for _, p := range m.Points(metric, -1) {
				if p.Attrs() == attrOperation+"="+op+","+attrDevice+"="+device {
					last[process{p.Process.PID, p.Process.StartTime}] = p
				}
			}
			k := [2]string{metric, op}
			for _, p := range last {
				all[k] = [2]float64{all[k][0] + float64(p.Count()), all[k][1] + p.Sum()}
			}
		}
	}
	return all
}

// dd reads and writes past the cache: its requests are what the device's statistics say,
// and those of the process are its own.
func TestAgainstDiskstats(t *testing.T) {
	dir := t.TempDir()
	name := diskOf(t, dir)
	i, metrics, pump := load(t)
	require.NoError(t, exec.Command("sync").Run())
	time.Sleep(300 * time.Millisecond)
	pump.Collect(t, i) // the first one takes long
	pump.Collect(t, i)
	before, then := stats(t, name), sums(metrics, name)
	attrs := func(direction string) string { return attrDirection + "=" + direction + "," + attrDevice + "=" + name }
	file := filepath.Join(dir, "file")
	const blocks, size = 200, 64 << 10
	write := exec.Command("dd", "if=/dev/zero", "of="+file, "bs=64k", "count="+strconv.Itoa(blocks), "oflag=direct")
	out, err := write.CombinedOutput()
	if err != nil && strings.Contains(string(out), "Invalid argument") {
		t.Skip("the file system cannot write past the cache")
	}
	require.NoError(t, err, "%s", out)
	read := exec.Command("dd", "if="+file, "of=/dev/null", "bs=64k", "iflag=direct")
	require.NoError(t, read.Run())
	require.NoError(t, exec.Command("sync").Run())
	time.Sleep(50 * time.Millisecond) // records of both processes are on their way
	after := stats(t, name)
	pump.Collect(t, i)
	now := sums(metrics, name)
	pump.Stop()
	pump.Collect(t, i)
	c := i.(probe.Accountant).Counts()
	require.Equal(t, c.Seen, c.Delivered+c.Filtered+c.TotalLost())
	require.Equal(t, c.Lost[probe.Missed], c.TotalLost())
	// Here the kernel runs no program while it interrupts a thread of the machine's own agent: the
	// request stays, until its memory is used again.
	missed := float64(c.Lost[probe.Missed] + unseen(requests(t), 0, func(pid uint32) bool {
		return pid == uint32(write.Process.Pid) || pid == uint32(read.Process.Pid)
	}))
	t.Logf("%+v, %g not seen", c, missed)
	written := metrics.Values(metricIO, write.Process.Pid)[attrs("write")]
	got := metrics.Values(metricIO, read.Process.Pid)[attrs("read")]
	assert.LessOrEqual(t, written, float64(blocks*size))
	assert.LessOrEqual(t, got, float64(blocks*size))
	// On a busy machine one was once counted for another process: bytes that are merged into its request are.
	const merged = 2
	assert.GreaterOrEqual(t, written+got, (2*blocks-merged-missed)*size, "nothing else is missing")

	total := func(metric, op string) (n, sum float64) {
		k := [2]string{metric, op}
		return now[k][0] - then[k][0], now[k][1] - then[k][1]
	}
	reads, readSeconds := total(metricDevice, "read")
	writes, writeSeconds := total(metricDevice, "write")
	_, readQueue := total(metricQueue, "read")
	_, writeQueue := total(metricQueue, "write")
	_, readBytes := total(metricSize, "read")
	_, writeBytes := total(metricSize, "write")
	t.Logf("reads %g of %g, %g of %g bytes, %.4f + %.4f of %.3f s", reads, after.reads-before.reads, readBytes, after.readBytes-before.readBytes, readSeconds, readQueue, (after.readT-before.readT)/1e3)
	t.Logf("writes %g of %g, %g of %g bytes, %.4f + %.4f of %.3f s", writes, after.writes-before.writes, writeBytes, after.written-before.written, writeSeconds, writeQueue, (after.writeT-before.writeT)/1e3)
	// Others may use the device between a look at the statistics and one at the series.
	assert.InDelta(t, after.reads-before.reads, reads, 20+missed)
	assert.InDelta(t, after.readBytes-before.readBytes, readBytes, 2<<20+missed*size)
	assert.InDelta(t, after.writes-before.writes, writes, 20+missed)
	assert.InDelta(t, after.written-before.written, writeBytes, 2<<20+missed*size)
	// The statistics are in milliseconds of each request.
	assert.InDelta(t, (after.readT-before.readT)/1e3, readSeconds+readQueue, 0.05+0.1*readSeconds+1e-3*reads)
}

// fio knows of each operation how long it took, counted from before it sends it, and from after
// that. Where it sends one by one, of a size that is a request, what the device needs begins in
// between, as the driver gets the request there. It ends before fio runs again, which takes the
// longer the more others use the processors.
func TestAgainstFio(t *testing.T) {
	dir := t.TempDir()
	name := diskOf(t, dir)
	i, metrics, pump := load(t)
	far := map[float64]string{0.5: "", 0.9: "", 0.99: ""}
	compare := func(op string) {
		said := livetest.Fio(t, dir, "--rw=rand"+op, "--size=64m", "--bs=256k", "--direct=1", "--ioengine=libaio", "--rate_iops=800", "--runtime=1", "--time_based")
		time.Sleep(100 * time.Millisecond)
		pump.Collect(t, i)
		attrs := attrOperation + "=" + op + "," + attrDevice + "=" + name
		device := last(metrics, metricDevice, said.PID, attrs)
		require.NotNil(t, device, "fio is not known")
		want := said.Latency(op)
		assert.InEpsilon(t, want.Operations, device.Count(), 0.05)
		t.Logf("%s: %d of %d operations", op, device.Count(), want.Operations)
		for q := range far {
			t.Logf("quantile %g: %.6f of %.6f to %.6f s", q, device.Quantile(q), want.Quantile(q), want.Whole(q))
			if d := device.Quantile(q); d < 0.9*want.Quantile(q) || d > 1.1*want.Whole(q) {
				far[q] = fmt.Sprintf("quantile %g: %g of %g to %g s", q, d, want.Quantile(q), want.Whole(q))
			} else {
				delete(far, q)
			}
		}
	}
	for n := 0; n < 5 && len(far) > 0; n++ {
		compare("read")
	}
	assert.Empty(t, far)
	clear(far)
	compare("write") // the machine's host takes them into its memory: there is too little to wait for
	pump.Stop()
	pump.Collect(t, i)
	c := i.(probe.Accountant).Counts()
	assert.Equal(t, c.Seen, c.Delivered+c.Filtered+c.TotalLost(), "%+v", c)
}

// last is the last point of a process with these attributes.
func last(m *livetest.Metrics, metric string, pid int, attrs string) (found *livetest.Point) {
	for _, p := range m.Points(metric, pid) {
		if p.Attrs() == attrs {
			found = &p
		}
	}
	return found
}

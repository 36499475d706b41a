// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package filesystem

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	discoveryprobe "github.com/ebpfreceiver/ebpfreceiver/internal/probes/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Variants that each kernel runs: of the others internal/kernels has its own tests.
const (
	tpBTF = 1
	rawTP = 2
)

// python is Debian's: what a path finds may be a script that looks for one.
const python = "/usr/bin/python3"

// both keeps metrics and log records.
type both struct {
	livetest.Metrics
	logs livetest.Logs
}

func (b *both) LogRecord(p *probe.ProcessInfo) plog.LogRecord { return b.logs.LogRecord(p) }

// load starts a variant of the Instrument.
func load(t *testing.T, variant int, cfg *Config) (i probe.Probe, said *both, pump *livetest.Pumped) {
	t.Helper()
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	said = &both{}
	set := probe.Settings{
		Logger: zaptest.NewLogger(t), Clock: livetest.Clock{}, Emit: said, Signals: probe.Metrics | probe.Logs, Selection: &discovery.Selection{},
	}
	f := discoveryprobe.Factory()
	d := livetest.Load(t, f, set, f.DefaultConfig(), nil)
	set.Processes = d.(probe.Processes)
	i = livetest.LoadVariant(t, Factory(), variant, set, cfg, map[string]probe.Probe{"discovery": d})
	livetest.Attach(t, d)
	livetest.Attach(t, i)
	return i, said, livetest.PumpJoined(t, d, i)
}

// all measures everything.
func all() *Config {
	cfg := DefaultConfig()
	cfg.Threshold = 0
	return cfg
}

// counts are the numbers of operations of a process, and of those that failed.
func counts(said *both, pid int) (operations, errors map[string]float64) {
	operations, errors = map[string]float64{}, map[string]float64{}
	type series struct{ attrs, op string }
	last := map[series]float64{}
	for _, p := range said.Points(metricDuration, pid) {
		op, _ := p.Attributes().Get(attrOperation)
		last[series{p.Attrs(), op.Str()}] = float64(p.Count())
	}
	for s, n := range last {
		operations[s.op] += n
	}
	for attrs, n := range said.Values(metricErrors, pid) {
		op, _, _ := strings.Cut(strings.TrimPrefix(attrs, attrOperation+"="), ",")
		errors[op] += n
	}
	return operations, errors
}

// call is a line of strace -y, of calls about a descriptor or that give one.
var call = regexp.MustCompile(`(?m)^(\w+)\((?:\d+<([^>]*)>)?.* = (-?\d+)(?:<([^>]*)>)?`)

// traced counts what strace sees of calls about files and directories.
func traced(t *testing.T, args ...string) (operations, errors map[string]float64) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("there is no strace")
	}
	out := filepath.Join(t.TempDir(), "trace")
	calls := "trace=read,readv,pread64,preadv,write,writev,pwrite64,pwritev,openat,fsync,fdatasync,?open,?creat"
	text, err := exec.Command("strace", append([]string{"-y", "-s", "0", "-o", out, "-e", calls}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", text)
	text, err = os.ReadFile(out)
	require.NoError(t, err)
	operations, errors = map[string]float64{}, map[string]float64{}
	for _, m := range call.FindAllStringSubmatch(string(text), -1) {
		op, path := strings.Trim(m[1], "fdpv624"), m[2]
		switch {
		case strings.Contains(m[1], "sync"):
			op = "sync"
		case strings.Contains(m[1], "open"), m[1] == "creat":
			op, path = "open", m[4]
			if m[3][0] == '-' {
				path = "/"
			}
		case strings.Contains(m[1], "read"):
			op = "read"
		case strings.Contains(m[1], "write"):
			op = "write"
		}
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/dev/") {
			continue
		}
		operations[op]++
		if m[3][0] == '-' {
			errors[op]++
		}
	}
	return operations, errors
}

// A program that reads many files and writes one, through pipes, too: strace counts the same.
func TestAgainstStrace(t *testing.T) {
	dir := t.TempDir()
	for i := range 50 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), make([]byte, 3000*i), 0o600))
	}
	args := []string{python, "-B", "-c", `
import os, sys
d = sys.argv[1]
for name in sorted(os.listdir(d)):
    with open(os.path.join(d, name), "rb") as f: n = len(f.read())
    try: os.open(os.path.join(d, name + ".not"), os.O_RDONLY)
    except OSError: pass
r, w = os.pipe()
for _ in range(20): os.write(w, b"x"); os.read(r, 1)
fd = os.open("/dev/zero", os.O_RDONLY)
for _ in range(20): os.read(fd, 10)
fd = os.open(os.path.join(d, "out"), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
for i in range(30): os.pwrite(fd, b"y" * 100, i * 100); os.pread(fd, 10, 0); os.writev(fd, [b"a", b"b"])
for _ in range(5): os.fsync(fd); os.fdatasync(fd)
try: os.pread(fd, 10, -5)
except OSError: pass
os.unlink(os.path.join(d, "out"))`, dir}
	wantOperations, wantErrors := traced(t, args...)
	for name, variant := range map[string]int{"tp_btf": tpBTF, "raw_tp": rawTP} {
		t.Run(name, func(t *testing.T) {
			i, said, pump := load(t, variant, all())
			cmd := exec.Command(args[0], args[1:]...)
			require.NoError(t, cmd.Run())
			time.Sleep(100 * time.Millisecond)
			pump.Stop()
			pump.Collect(t, i)
			operations, errors := counts(said, cmd.Process.Pid)
			assert.Equal(t, wantOperations, operations)
			assert.Equal(t, wantErrors, errors)
			assert.Greater(t, operations["read"], 100.0)
			assert.EqualValues(t, 10, operations["sync"])
			t.Log(operations, errors)
			livetest.Conserved(t, i)
		})
	}
}

// wayIn is what a system call takes before and after what is measured in it, with the programs
// at its tracepoints, seconds.
const wayIn = 6e-6

// fio measures each operation by itself: past the page cache, and with a sync after each write.
func TestAgainstFio(t *testing.T) {
	dir := t.TempDir()
	i, said, pump := load(t, tpBTF, all())
	for _, tt := range []struct {
		name string
		args []string
		ops  map[string]string // the probe's by fio's
	}{
		{"past the cache", []string{"--rw=randread", "--bs=16k", "--direct=1", "--size=32m"}, map[string]string{"read": "read"}},
		{"with syncs", []string{"--rw=write", "--bs=256k", "--fsync=1", "--size=64m"}, map[string]string{"write": "write", "sync": "sync"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			result := livetest.Fio(t, dir, append(tt.args, "--runtime=2", "--time_based")...)
			time.Sleep(100 * time.Millisecond)
			pump.Collect(t, i)
			for theirs, ours := range tt.ops {
				want := result.Latency(theirs)
				var got *livetest.Point
				for _, p := range said.Points(metricDuration, result.PID) {
					if strings.HasPrefix(p.Attrs(), attrOperation+"="+ours+","+attrDevice+"=") && (got == nil || p.Count() >= got.Count()) {
						got = &p
					}
				}
				require.NotNil(t, got, ours)
				kind, _ := got.Attributes().Get(attrType)
				t.Logf("%s on %s: %d of %d", ours, kind.Str(), got.Count(), want.Operations)
				assert.NotEmpty(t, kind.Str())
				// It reads libraries and files of its own, too.
				assert.GreaterOrEqual(t, got.Count(), uint64(want.Operations))
				assert.InDelta(t, want.Operations, got.Count(), 150)
				for _, q := range []float64{0.5, 0.9, 0.99} {
					t.Logf("quantile %g: %.6f of %.6f s", q, got.Quantile(q), want.Quantile(q))
					assert.InDelta(t, want.Quantile(q), got.Quantile(q), wayIn+0.1*want.Quantile(q), "quantile %g", q)
				}
			}
		})
	}
	pump.Stop()
	pump.Collect(t, i)
	livetest.Conserved(t, i)
}

// took is what strace -T says of a call.
var took = regexp.MustCompile(`fsync\(.*<([\d.]+)>`)

// The sync of a program that strace runs: both say how long it took.
func TestSlowOperation(t *testing.T) {
	dir := t.TempDir()
	cfg := DefaultConfig()
	cfg.Slow = SlowConfig{Threshold: 2 * time.Millisecond, PerSecond: 100, Paths: true}
	i, said, pump := load(t, tpBTF, cfg)
	file, trace := filepath.Join(dir, "a folder", "slow"), filepath.Join(dir, "trace")
	require.NoError(t, os.Mkdir(filepath.Dir(file), 0o700))
	out, err := exec.Command("strace", "-f", "-T", "-e", "trace=fsync", "-o", trace,
		"dd", "if=/dev/zero", "of="+file, "bs=1M", "count=64", "conv=fsync").CombinedOutput()
	require.NoError(t, err, "%s", out)
	time.Sleep(300 * time.Millisecond)
	pump.Stop()
	pump.Collect(t, i)
	text, err := os.ReadFile(trace)
	require.NoError(t, err)
	m := took.FindStringSubmatch(string(text))
	require.NotNil(t, m, "%s", text)
	want, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)
	var found []livetest.Log
	for _, r := range said.logs.Records {
		if r.Attr(attrOperation) == "sync" && r.Attr("file.path") == file {
			found = append(found, r)
		}
	}
	require.Len(t, found, 1)
	r := found[0]
	t.Log(r.Body().Str(), want)
	assert.Equal(t, Event, r.EventName())
	assert.InEpsilon(t, want, r.Attr(attrDuration), 0.1)
	assert.Equal(t, "dd", r.Resource["process.executable.name"])
	assert.NotEmpty(t, r.Attr(attrType))
	assert.Nil(t, r.Attr("error.type"))
	livetest.Conserved(t, i)
}

// Many slow operations are counted, and a few become records.
func TestManySlowOperations(t *testing.T) {
	cfg := all()
	cfg.Slow.Threshold, cfg.Slow.PerSecond = time.Nanosecond, 5
	i, said, pump := load(t, tpBTF, cfg)
	began := time.Now()
	require.NoError(t, exec.Command(python, "-c", `
import os
fd = os.open("/etc/passwd", os.O_RDONLY)
for _ in range(5000): os.pread(fd, 1, 0)`).Run())
	time.Sleep(100 * time.Millisecond)
	seconds := int(time.Since(began).Seconds()) + 2
	pump.Stop()
	pump.Collect(t, i)
	c := i.(probe.Accountant).Counts()
	assert.Equal(t, c.Seen, c.Delivered+c.SampledOut+c.Filtered+c.TotalLost(), "%+v", c)
	assert.Greater(t, c.SampledOut, uint64(4000))
	assert.LessOrEqual(t, len(said.logs.Records), 6*seconds)
	assert.NotEmpty(t, said.logs.Records)
	for _, r := range said.logs.Records {
		assert.Nil(t, r.Attr("file.path"), "nobody asked for it")
	}
	t.Logf("%d records, %+v", len(said.logs.Records), c)
}

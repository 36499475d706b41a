// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package syscalls

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

// load starts a variant of the Instrument, for processes of some executables.
func load(t *testing.T, variant int, exe string) (i probe.Probe, metrics *livetest.Metrics, pump *livetest.Pumped) {
	t.Helper()
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	metrics = &livetest.Metrics{}
	matcher, err := discovery.Selector{Exe: exe}.Compile()
	require.NoError(t, err)
	set := probe.Settings{
		Logger: zaptest.NewLogger(t), Clock: livetest.Clock{}, Emit: metrics, Signals: probe.Metrics,
		Selection: &discovery.Selection{Targets: []*discovery.Matcher{matcher}},
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

// summary is what strace -c says: calls, and those that failed, by name.
func summary(t *testing.T, args ...string) (calls, errors map[string]float64) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("there is no strace")
	}
	out := filepath.Join(t.TempDir(), "summary")
	text, err := exec.Command("strace", append([]string{"-f", "-c", "-U", "calls,errors,name", "-o", out}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", text)
	text, err = os.ReadFile(out)
	require.NoError(t, err)
	calls, errors = map[string]float64{}, map[string]float64{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		n, err := strconv.ParseFloat(strings.Join(f[:min(1, len(f))], ""), 64)
		if err != nil || len(f) < 2 || f[len(f)-1] == "total" {
			continue
		}
		name := f[len(f)-1]
		calls[name] = n
		if len(f) == 3 {
			errors[name], err = strconv.ParseFloat(f[1], 64)
			require.NoError(t, err)
		}
	}
	return calls, errors
}

// A program that does the same each time it runs: strace counts the same calls and errors.
// Observation begins with its executable, at the end of execve.
func TestAgainstStrace(t *testing.T) {
	find, err := exec.LookPath("find")
	require.NoError(t, err)
	find, err = filepath.EvalSymlinks(find)
	require.NoError(t, err)
	dir := t.TempDir()
	for i := range 40 {
		sub := filepath.Join(dir, strconv.Itoa(i))
		require.NoError(t, os.Mkdir(sub, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(sub, "file"), nil, 0o600))
		require.NoError(t, os.Symlink("nowhere", filepath.Join(sub, "link")))
	}
	// -L follows links that lead nowhere: each is an error.
	args := []string{find, "-L", dir, "-size", "-5k", "-newer", dir, "-fprintf", "/dev/null", "%p %l\n"}
	wantCalls, wantErrors := summary(t, args...)
	delete(wantCalls, "execve")
	for variant, v := range Factory().Manifest.Variants {
		t.Run(v.Name, func(t *testing.T) {
			i, metrics, pump := load(t, variant, find)
			cmd := exec.Command(args[0], args[1:]...)
			require.NoError(t, cmd.Run())
			time.Sleep(100 * time.Millisecond)
			pump.Stop()
			pump.Collect(t, i)
			calls, errors := map[string]float64{}, map[string]float64{}
			for _, p := range metrics.Points(metricDuration, cmd.Process.Pid) {
				name, _ := p.Attributes().Get(attrName)
				calls[name.Str()] = float64(p.Count())
			}
			byError := metrics.Values(metricErrors, cmd.Process.Pid)
			for attrs, n := range byError {
				name, _, _ := strings.Cut(strings.TrimPrefix(attrs, attrName+"="), ",")
				errors[name] += n
			}
			assert.Equal(t, wantCalls, calls)
			assert.Equal(t, wantErrors, errors)
			total := 0.0
			for _, n := range calls {
				total += n
			}
			assert.Greater(t, total, 300.0)
			assert.GreaterOrEqual(t, byError[attrName+"=newfstatat,"+attrError+"=ENOENT"], 40.0)
			t.Log(calls, byError)
			livetest.Conserved(t, i)
		})
	}
}

// How long a call takes: sleep says what it asks the kernel for.
func TestDurations(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	sleep, err = filepath.EvalSymlinks(sleep)
	require.NoError(t, err)
	i, metrics, pump := load(t, 0, sleep)
	cmd := exec.Command(sleep, "0.3")
	require.NoError(t, cmd.Run())
	require.NoError(t, exec.Command("true").Run(), "is not selected")
	time.Sleep(100 * time.Millisecond)
	pump.Stop()
	pump.Collect(t, i)
	found := false
	for _, p := range metrics.Points(metricDuration, -1) {
		require.EqualValues(t, cmd.Process.Pid, p.Process.PID)
		if name, _ := p.Attributes().Get(attrName); name.Str() == "clock_nanosleep" {
			found = true
			assert.EqualValues(t, 1, p.Count())
			assert.InEpsilon(t, 0.3, p.Sum(), 0.1)
			assert.InEpsilon(t, 0.3, p.Quantile(0.5), 0.1)
		}
	}
	assert.True(t, found)
	livetest.Conserved(t, i)
}

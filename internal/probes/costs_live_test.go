// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package probes_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
	"github.com/ebpfreceiver/ebpfreceiver/receiver"
)

// load is that of TestLiveCosts.
const load = "nginx under wrk (8 connections, 3 s), 300 processes that end at once and 50 that a signal ends"

// TestLiveCosts measures how long each program runs, by the kernel's own clock, and with
// UPDATE_COSTS=1 in the environment records it for the pages. It takes no part in other runs:
// there is nothing that a time could be compared with.
func TestLiveCosts(t *testing.T) {
	if os.Getenv("UPDATE_COSTS") != "1" {
		t.Skip("records what programs cost: set UPDATE_COSTS=1")
	}
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	require.NoError(t, err)
	defer stats.Close()
	before := livetest.Programs(t)
	stop := runAll(t)
	work(t)
	found := livetest.Programs(t)
	stop()

	var uts unix.Utsname
	require.NoError(t, unix.Uname(&uts))
	series, _, _ := strings.Cut(unix.ByteSliceToString(uts.Release[:]), "-")
	kernel := "Linux " + series + " " + unix.ByteSliceToString(uts.Machine[:])
	var all []cost
	for _, f := range probes.All() {
		var loaded cost // the variant of which most was found: variants share programs
		for _, v := range f.Manifest.Variants {
			c := cost{Probe: f.Manifest.Name, Kernel: kernel, Variant: v.Name, Load: load}
			spec, err := v.Reduced()
			require.NoError(t, err)
			for name := range spec.Programs {
				for id, p := range found {
					if _, old := before[id]; !old && p.Name == name && p.Calls > 0 {
						c.Programs = append(c.Programs, programCost{name, p.Calls, uint64(p.Time.Nanoseconds()) / p.Calls})
					}
				}
			}
			if len(c.Programs) > len(loaded.Programs) {
				loaded = c
			}
		}
		if len(loaded.Programs) > 0 {
			slices.SortFunc(loaded.Programs, func(a, b programCost) int { return strings.Compare(a.Name, b.Name) })
			all = append(all, loaded)
		}
	}
	require.NotEmpty(t, all)
	text, err := json.MarshalIndent(all, "", "  ")
	require.NoError(t, err)
	t.Logf("%s", text)
	require.NoError(t, os.WriteFile("testdata/costs.json", append(text, '\n'), 0o600))
}

// runAll runs a receiver with all probes that are configured by nothing but their name.
func runAll(t testing.TB) (stop func()) {
	t.Helper()
	f := receiver.NewFactory()
	cfg := f.CreateDefaultConfig()
	sections := map[string]any{}
	for _, one := range probes.All() {
		if one.Manifest.Signals != 0 {
			sections[one.Manifest.Name] = map[string]any{}
		}
	}
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"collection_interval": "1s", "probes": sections}).Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	set := receivertest.NewNopSettings(metadata.Type)
	traces, err := f.CreateTraces(t.Context(), set, cfg, new(consumertest.TracesSink))
	require.NoError(t, err)
	metrics, err := f.CreateMetrics(t.Context(), set, cfg, new(consumertest.MetricsSink))
	require.NoError(t, err)
	logs, err := f.CreateLogs(t.Context(), set, cfg, new(consumertest.LogsSink))
	require.NoError(t, err)
	require.NoError(t, traces.Start(t.Context(), componenttest.NewNopHost()))
	return func() {
		require.NoError(t, errors.Join(traces.Shutdown(t.Context()), metrics.Shutdown(t.Context()), logs.Shutdown(t.Context())))
	}
}

// work is the load.
func work(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	dir := t.TempDir()
	config := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http { access_log off; keepalive_requests 1000000; server { listen %[2]s; location / { return 200 "hello"; } } }
`, dir, address), 0o600))
	server := exec.Command("nginx", "-c", config, "-p", dir)
	require.NoError(t, server.Start())
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp4", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	out, err := exec.Command("wrk", "-t1", "-c8", "-d3s", "http://"+address+"/").CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
	for range 300 {
		require.NoError(t, exec.Command("/bin/true").Run())
	}
	for range 50 {
		cmd := exec.Command("/bin/sleep", "60")
		require.NoError(t, cmd.Start())
		require.NoError(t, cmd.Process.Kill())
		assert.Error(t, cmd.Wait())
	}
	time.Sleep(1500 * time.Millisecond) // a collection
}

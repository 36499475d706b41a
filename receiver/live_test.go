// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package receiver

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
)

func TestLiveStartAndShutdownLeaveNothing(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	f := NewFactory()
	for round := range 100 {
		cfg := f.CreateDefaultConfig()
		if round%20 > 0 { // all probes take seconds to load
			conf := confmap.NewFromStringMap(map[string]any{"probes": map[string]any{"process": map[string]any{}, "signals": map[string]any{}}})
			require.NoError(t, conf.Unmarshal(cfg))
		}
		all := createAll(t, f, cfg)
		for _, c := range all {
			require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
		}
		for _, c := range all {
			require.NoError(t, c.Shutdown(t.Context()))
		}
	}
}

// execs counts the records of process.exec for an executable.
func execs(sink *consumertest.LogsSink, name string) int {
	n := 0
	for _, ld := range sink.AllLogs() {
		for _, r := range ld.ResourceLogs().All() {
			for _, s := range r.ScopeLogs().All() {
				for _, lr := range s.LogRecords().All() {
					exe, _ := lr.Attributes().Get("process.executable.name")
					if lr.EventName() == "process.exec" && exe.Str() == name {
						n++
					}
				}
			}
		}
	}
	return n
}

// One sees what the other is told to leave out, and goes on when it ends.
func TestLiveTwoReceiversSideBySide(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	f := NewFactory()
	start := func(configure func(*Config)) (component.Component, *consumertest.LogsSink, *reportingHost) {
		cfg := f.CreateDefaultConfig().(*Config)
		configure(cfg)
		sink := &consumertest.LogsSink{}
		logs, err := f.CreateLogs(t.Context(), receivertest.NewNopSettings(metadata.Type), cfg, sink)
		require.NoError(t, err)
		host := &reportingHost{Host: componenttest.NewNopHost()}
		require.NoError(t, logs.Start(t.Context(), host))
		return logs, sink, host
	}
	run := func() {
		require.NoError(t, exec.Command("/bin/true").Run())
		require.NoError(t, exec.Command("/bin/echo").Run())
	}

	first, seen, host := start(func(*Config) {})
	require.Len(t, host.events, 1)
	assert.Equal(t, componentstatus.StatusOK, host.events[0].Status(), "%v", host.events[0].Err())
	second, without, _ := start(func(c *Config) { c.Exclude = []TargetConfig{{Exe: "/**/true"}} })
	run()
	require.Eventually(t, func() bool { return execs(without, "echo") > 0 }, 10*time.Second, 50*time.Millisecond)
	require.NoError(t, second.Shutdown(t.Context()))
	run()
	require.Eventually(t, func() bool { return execs(seen, "true") >= 2 }, 10*time.Second, 50*time.Millisecond)
	require.NoError(t, first.Shutdown(t.Context()))
	assert.Equal(t, 0, execs(without, "true"))
}

// What the kernel has reported by Shutdown is handed on.
func TestLiveShutdownFlushes(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	f := NewFactory()
	for range 10 {
		sink, cfg := &consumertest.LogsSink{}, f.CreateDefaultConfig()
		require.NoError(t, confmap.NewFromStringMap(map[string]any{"probes": map[string]any{"process": map[string]any{}}}).Unmarshal(cfg))
		logs, err := f.CreateLogs(t.Context(), receivertest.NewNopSettings(metadata.Type), cfg, sink)
		require.NoError(t, err)
		require.NoError(t, logs.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, exec.Command("/bin/echo").Run())
		require.NoError(t, logs.Shutdown(t.Context()))
		assert.Positive(t, execs(sink, "echo"))
	}
}

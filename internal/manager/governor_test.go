// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ebpfreceiver/ebpfreceiver/internal/limits"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// follower is a fake of the Daemon that follows processes.
type follower struct{ fake }

func (f *follower) Lookup(uint32, uint64) *probe.ProcessInfo { return nil }
func (f *follower) Ignore(pid uint32, _ uint64) error {
	f.diary.add(fmt.Sprint("ignore ", pid))
	return nil
}

func (f *follower) Observe(pid uint32, _, _ uint64) error {
	f.diary.add(fmt.Sprint("observe ", pid))
	return nil
}

// noisy is a fake that can do with less, and tells of two processes.
type noisy struct{ fake }

func (n *noisy) Shed(s probe.Shedding) error {
	n.diary.add(fmt.Sprintf("shed %g %t", s.Drop, s.Bare))
	return nil
}

var loud, louder = &probe.ProcessInfo{PID: 3}, &probe.ProcessInfo{PID: 4, ServiceName: "louder"}

// What is shed, in which order, and that all of it comes back, last first.
func TestGovernorShedsInOrderAndTakesUpAgain(t *testing.T) {
	d := &diary{}
	variants := []probe.Variant{variant("v")}
	with := func(p probe.Probe, name string, m probe.Manifest) probe.Factory {
		f := factory(&fake{name: name}, m)
		f.New = func(probe.Settings, any) (probe.Probe, error) { return p, nil }
		return f
	}
	set := settings(new(consumertest.LogsSink),
		with(&follower{fake{name: "discovery", diary: d}}, "discovery", probe.Manifest{Kind: probe.Daemon, Variants: variants}),
		with(&noisy{fake{name: "noisy", diary: d}}, "noisy", probe.Manifest{Signals: probe.Logs, Variants: variants, DependsOn: []string{"discovery"}}))
	own := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, own.Shutdown(context.WithoutCancel(t.Context()))) })
	set.Receiver.TelemetrySettings = own.NewTelemetrySettings()
	set.Config.Limits = limits.Config{CPU: 1e6} // never exceeded by itself
	var events []*componentstatus.Event
	set.ReportStatus = func(e *componentstatus.Event) { events = append(events, e) }
	m := New(set)
	require.NoError(t, m.Start(t.Context()))
	close(m.stopWatch) // the test steps
	m.watch.Wait()
	m.stopWatch = make(chan struct{}) // Shutdown closes it
	m.noise.of = map[*probe.ProcessInfo]uint64{loud: 10, louder: 1000}

	g, now := m.governor, time.Now()
	wait := func(line string) {
		t.Helper()
		require.Eventually(t, func() bool { return d.has(line) }, 5*time.Second, time.Millisecond, line)
	}
	down := func() {
		for before := g.level; g.level == before; now = now.Add(time.Second) {
			g.apply(now, limits.Usage{limits.CPU: 2})
		}
	}
	for _, line := range []string{"shed 0.5 false", "shed 0.9 false", "shed 0.99 false", "shed 1 false", "shed 1 true", "ignore 4", "ignore 3"} {
		down()
		wait(line)
	}
	down() // there is no third process
	down()
	down()
	wait("detach noisy")
	assert.Len(t, g.steps, g.level, "that is all")
	last := events[len(events)-1]
	assert.Equal(t, componentstatus.StatusRecoverableError, last.Status())
	assert.EqualError(t, last.Err(), "the receiver is over its budget of cpu: the dearest probe is detached")
	told, err := own.GetMetric("otelcol_ebpf_limits_shed")
	require.NoError(t, err)
	steps := map[string]int64{}
	for _, p := range told.Data.(metricdata.Gauge[int64]).DataPoints {
		step, _ := p.Attributes.Value("step")
		steps[step.AsString()] = p.Value
	}
	assert.Equal(t, map[string]int64{"sampling": 4, "content": 1, "process": 4, "probe": 1}, steps)

	d.lines = nil
	for g.level > 0 {
		before := g.shedding
		g.apply(now, limits.Usage{limits.CPU: 0.1})
		now = now.Add(time.Second)
		if s := g.shedding; s != before {
			wait(fmt.Sprintf("shed %g %t", s.Drop, s.Bare))
		}
	}
	wait("shed 0 false")
	var order []string
	for _, line := range d.lines {
		if !strings.HasPrefix(line, "shed") && !strings.HasPrefix(line, "tick") {
			order = append(order, line)
		}
	}
	assert.Equal(t, []string{"attach noisy", "observe 3", "observe 4"}, order)
	assert.Equal(t, componentstatus.StatusOK, events[len(events)-1].Status())
	require.NoError(t, m.Shutdown(t.Context()))
}

// What is measured is what this process uses, and of the right size.
func TestUsage(t *testing.T) {
	u, err := newUsage(nil, false)
	require.NoError(t, err)
	cfg := &limits.Config{CPU: 1, MemoryMiB: 1}
	start := time.Now()
	first, err := u.measure(start, cfg)
	require.NoError(t, err)
	assert.Zero(t, first[limits.CPU])
	before, err := cpuTime()
	require.NoError(t, err)
	for now := before; now-before < 100*time.Millisecond; {
		now, err = cpuTime()
		require.NoError(t, err)
	}
	used, err := u.measure(start.Add(200*time.Millisecond), cfg)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, used[limits.CPU], 0.5, "100 ms in 200 ms, and what else runs")
	assert.Greater(t, used[limits.Memory], 1.0)
	assert.NotContains(t, used, limits.BPF)
	require.NoError(t, u.close())
}

// Without the capability the start fails, and says what is missing.
func TestUsageOfProgramsNeedsTheKernel(t *testing.T) {
	u, err := newUsage(nil, true)
	if os.Geteuid() != 0 {
		require.ErrorContains(t, err, "CAP_SYS_ADMIN")
		return
	}
	require.NoError(t, err)
	require.NoError(t, u.close())
}

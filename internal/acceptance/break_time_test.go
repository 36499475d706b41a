// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sys/unix"
)

// stepClock sets the wall clock by so much, at once.
func stepClock(t testing.TB, by time.Duration) {
	t.Helper()
	var now unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_REALTIME, &now))
	now = unix.NsecToTimespec(now.Nano() + int64(by))
	require.NoError(t, unix.ClockSettime(unix.CLOCK_REALTIME, &now))
}

// The wall clock is set forth and back while requests are under way: they last as long as they
// did, and what begins a little later has the new time.
func TestBreakClockSteps(t *testing.T) {
	live(t)
	server := startPython(t, "threads")
	c := startCollector(t, targetPIDs(t, server.pid())+"probes: {http: {}}")
	const step, lasts = 3 * time.Second, 300 * time.Millisecond
	total := time.Duration(0)
	defer func() { stepClock(t, -total) }()
	var after []time.Time
	for i, by := range []time.Duration{step, -step, -step, step} {
		slow := start(t, exec.Command(program(t, "curl"), "-sS", "--fail", "-o", "/dev/null", server.url(fmt.Sprintf("/slow?ms=%d&n=%d", lasts.Milliseconds(), i))))
		time.Sleep(lasts / 3)
		stepClock(t, by)
		total += by
		waitFor(t, "the answer", slow.ended)
		time.Sleep(500 * time.Millisecond) // the receiver looks at the clock
		after = append(after, time.Now().Round(0))
		run(t, "curl", "-sS", "--fail", "-o", "/dev/null", server.url(fmt.Sprintf("/after/%d", i)))
		waitFor(t, "the spans", func() bool { return c.spanCount() == uint64(2*len(after)) })
	}
	require.Zero(t, total)
	a := c.settle(t)["http"]
	c.shutdown(t)
	assert.Zero(t, a.totalLost(), "%v", a.lost)
	spans := c.spansOf(ptrace.SpanKindServer, func(attrs) bool { return true })
	require.Len(t, spans, 2*len(after))
	for _, s := range spans {
		took := s.EndTimestamp().AsTime().Sub(s.StartTimestamp().AsTime())
		if s.attr("url.path") == "/slow" {
			assert.GreaterOrEqual(t, took, lasts)
		}
		assert.Less(t, took, step/2, "%v", s.attr("url.path"))
		var i int
		if _, err := fmt.Sscanf(fmt.Sprint(s.attr("url.path")), "/after/%d", &i); err == nil {
			assert.WithinDuration(t, after[i], s.StartTimestamp().AsTime(), step/2)
		}
	}
}

// A collector that stands still for seconds under full load, as in a virtual machine that is
// suspended, goes on and has counted what its rings had no space for.
func TestBreakSuspended(t *testing.T) {
	live(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"probes: {http: {}, socket: {ring_size: 1048576}, "+plain+"}")
	c.countOnly = true
	busy := start(t, wrk(t, n.url("/hello")))
	waitFor(t, "spans", func() bool { return c.spanCount() > 1000 })
	for range 2 {
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP))
		time.Sleep(2 * time.Second)
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGCONT))
		spans := c.spanCount()
		waitFor(t, "more spans", func() bool { return c.spanCount() > spans+1000 })
	}
	busy.stop(t, syscall.SIGTERM)
	_, a := checkConservation(t, c, n)
	assert.NotZero(t, a.lost["ring_full"], "%v", a.lost)
}

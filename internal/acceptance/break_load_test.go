// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// times is how often the collector is made to reload, or ended, under load.
var times = flag.Int("times", 2, "how often the collector is reloaded or ended under load")

// A pipeline that takes half a second for each batch: what does not fit meanwhile is lost and
// counted, and the collector ends in time.
func TestBreakSlowDownstream(t *testing.T) {
	live(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"probes: {http: {}, socket: {ring_size: 1048576}, "+plain+"}")
	c.countOnly = true
	c.slow(500 * time.Millisecond)
	run(t, "wrk", "-t1", "-c8", "-d2s", n.url("/hello"))
	c.slow(0)
	_, a := checkConservation(t, c, n)
	t.Log(a.lost)
}

// lostByLog sums what the log says was lost of a probe's events.
func lostByLog(c *collector, probe string) (n uint64) {
	for line := range strings.Lines(c.out.String()) {
		if !strings.Contains(line, "Events were lost") || !strings.Contains(line, `"probe": "`+probe+`"`) {
			continue
		}
		_, rest, _ := strings.Cut(line, `"events": `)
		number, _, _ := strings.Cut(rest, ",")
		events, _ := strconv.ParseUint(number, 10, 64)
		n += events
	}
	return n
}

// Ended at full load, the collector hands on all that it saw but for what its log says it
// lost: its spans are its requests in the metrics. Killed, it leaves nothing either.
func TestBreakEndUnderLoad(t *testing.T) {
	live(t)
	livetest.CheckLeaks(t)
	n := startNginx(t, noBackend)
	busy := start(t, wrk(t, n.url("/hello")))
	for i := range 2 * *times {
		c := startCollector(t, n.target()+"probes: {http: {}}")
		c.countOnly = true
		waitFor(t, "spans", func() bool { return c.spanCount() > 1000 })
		if i%2 == 1 {
			c.stop(t, syscall.SIGKILL)
			continue
		}
		c.shutdown(t)
		measured := c.countOf(serverDuration, func(attrs) bool { return true })
		t.Logf("%d requests in the metrics, %d spans, %d lost", measured, c.spanCount(), lostByLog(c, "http"))
		assert.LessOrEqual(t, c.spanCount(), measured)
		assert.GreaterOrEqual(t, c.spanCount()+lostByLog(c, "http"), measured)
	}
	assert.False(t, busy.ended(), "the load: %s", busy.out)
}

// descriptors counts those that a process has open.
func descriptors(t testing.TB, pid int) int {
	t.Helper()
	fds, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	require.NoError(t, err)
	return len(fds)
}

// Reloaded again and again at full load the collector goes on, keeps nothing of what it was
// before, and then sees all.
func TestBreakReloadUnderLoad(t *testing.T) {
	live(t)
	livetest.CheckLeaks(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"probes: {http: {}, process: {}}")
	c.countOnly = true
	busy := start(t, wrk(t, n.url("/hello")))
	waitFor(t, "spans", func() bool { return c.spanCount() > 1000 })
	before := descriptors(t, c.pid())
	held := len(heldBy(t, c.pid())["prog"])
	for i := range *times {
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGHUP))
		waitFor(t, "the collector to run again", func() bool {
			require.False(t, c.ended(), "the collector ended: %s", tail(c.out.String(), 2000))
			return strings.Count(c.out.String(), "Everything is ready") == i+2
		})
		spans := c.spanCount()
		waitFor(t, "more spans", func() bool { return c.spanCount() > spans+1000 })
	}
	assert.Len(t, heldBy(t, c.pid())["prog"], held, "programs")
	assert.InDelta(t, before, descriptors(t, c.pid()), 10, "descriptors")
	busy.stop(t, syscall.SIGTERM)
	n.quit(t)
	// From here on exactly.
	fresh := startNginxAt(t, n.port, noBackend)
	spans, lost := c.spanCount(), c.settle(t)["http"].totalLost()
	run(t, "ab", "-q", "-k", "-n", "2000", "-c", "4", fresh.url("/hello"))
	pids := fresh.pids(t)
	require.Len(t, fresh.quit(t), 2000)
	a := c.settle(t)["http"]
	c.shutdown(t)
	assert.EqualValues(t, 2000, c.countOf(serverDuration, of(pids...)))
	// What was cut off by the last reload is lost, and said to be.
	assert.Equal(t, lost, a.totalLost(), "%v", a.lost)
	assert.LessOrEqual(t, lost, uint64(connections), "%v", a.lost)
	assert.GreaterOrEqual(t, c.spanCount(), spans+2000)
}

// Two hundred workers a second are killed at full load, and nginx starts others: whatever was
// answered is seen or counted, and what was cut off is no more than there were connections.
func TestBreakKilledWorkers(t *testing.T) {
	live(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"probes: {http: {}, process: {}}")
	c.countOnly = true
	busy := start(t, wrk(t, n.url("/hello")))
	waitFor(t, "spans", func() bool { return c.spanCount() > 1000 })
	const rounds, each = 200, 10 * time.Millisecond
	killed := map[int]bool{}
	began := time.Now()
	for i := 0; i < rounds || len(killed) < rounds && time.Since(began) < time.Minute; i++ { // a busy machine has fewer in each
		time.Sleep(time.Until(began.Add(time.Duration(i) * each)))
		for _, pid := range children(t, n.pid()) {
			if syscall.Kill(pid, syscall.SIGKILL) == nil { // else it has just ended
				killed[pid] = true
			}
		}
	}
	took := time.Since(began)
	busy.stop(t, syscall.SIGTERM)
	n.stop(t, syscall.SIGQUIT)
	b, err := os.ReadFile(n.log)
	require.NoError(t, err)
	lines := uint64(bytes.Count(b, []byte("\n"))) // one of a killed worker may lack its end
	kills := uint64(len(killed))
	a := c.settle(t)["http"]
	exits := func() (n uint64) {
		for _, e := range c.eventsOf(func(e event) bool { return e.name == "process.exit" }) {
			if pid, _ := e.attrs["process.pid"].(int64); killed[int(pid)] {
				n++
			}
		}
		return n
	}
	waitFor(t, "the exits", func() bool { return exits() >= kills })
	c.shutdown(t)
	measured := c.countOf(serverDuration, func(attrs) bool { return true })
	t.Logf("%d workers killed, %.0f a second; %d lines in the access log, %d requests in the metrics, account %+v", kills, float64(kills)/took.Seconds(), lines, measured, a)
	assert.GreaterOrEqual(t, kills, uint64(rounds))
	assert.Equal(t, kills, exits())
	assert.Equal(t, a.delivered, c.spanCount())
	assert.GreaterOrEqual(t, measured+a.totalLost(), lines)
	assert.LessOrEqual(t, measured+a.totalLost(), lines+kills*connections, "a request of each connection of each worker")
}

// Two collectors observe the same at once; one is killed, and the other does not mind.
func TestBreakTwoCollectors(t *testing.T) {
	live(t)
	livetest.CheckLeaks(t)
	n := startNginx(t, noBackend)
	section := n.target() + "probes: {http: {}}"
	a, b := startCollector(t, section), startCollector(t, section)
	a.countOnly, b.countOnly = true, true
	run(t, "ab", "-q", "-k", "-n", "3000", "-c", "4", n.url("/hello"))
	waitFor(t, "all spans in both", func() bool { return a.spanCount() == 3000 && b.spanCount() == 3000 })
	b.stop(t, syscall.SIGKILL)
	run(t, "ab", "-q", "-k", "-n", "2000", "-c", "4", n.url("/hello"))
	lines, account := checkConservation(t, a, n)
	require.EqualValues(t, 5000, lines)
	assert.Zero(t, account.totalLost(), "%v", account.lost)
}

// A table far too small for the connections that there are: most exchanges come in one record and
// need no place in it, and what does is counted if it has none.
func TestBreakFullTables(t *testing.T) {
	live(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"probes: {http: {}, socket: {max_connections: 4}, "+plain+"}")
	c.countOnly = true
	run(t, "ab", "-q", "-k", "-n", "5000", "-c", "32", n.url("/hello"))
	lines, _ := checkConservation(t, c, n)
	require.EqualValues(t, 5000, lines)
}

// Two hundred processes a second begin and end: each has one record of both.
func TestBreakManyProcesses(t *testing.T) {
	live(t)
	c := startCollector(t, "targets: [{exe: /bin/true}, {exe: /usr/bin/true}]\nprobes: {process: {}}")
	const processes = 600
	began := time.Now()
	for i := range processes {
		time.Sleep(time.Until(began.Add(time.Duration(i) * 5 * time.Millisecond)))
		run(t, "true")
	}
	took := time.Since(began)
	count := func(name string) int { return len(c.eventsOf(func(e event) bool { return e.name == name })) }
	waitFor(t, "the exits", func() bool { return count("process.exit") >= processes })
	accounts, _ := c.accounts(t)
	c.shutdown(t)
	t.Logf("%.0f a second, %+v", processes/took.Seconds(), *accounts["process"])
	assert.Equal(t, processes, count("process.exec"))
	assert.Equal(t, processes, count("process.exit"))
	assert.Zero(t, accounts["process"].totalLost())
}

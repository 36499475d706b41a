// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sys/unix"
)

// steps are what the governor says that it sheds, or takes up again, in that order.
func steps(c *collector, after string) (all []string) {
	for line := range strings.Lines(c.out.String()) {
		if _, rest, ok := strings.Cut(line, after); ok {
			step, _, _ := strings.Cut(rest, "\t")
			all = append(all, strings.TrimSpace(step))
		}
	}
	return all
}

const (
	shedding = "The receiver is over its budget: "
	takingUp = "There is room again: this ends: "
)

// Over its budget the collector sheds one thing after the other, spans first, and says so; its
// account still adds up: the metrics have every request. When there is room again it takes up what
// it shed, last first, until nothing is missing.
func TestOverBudgetIsShedAndCounted(t *testing.T) {
	live(t)
	order := []string{
		"50 % of the traces are left out", "90 % of the traces are left out", "99 % of the traces are left out", "no spans are made",
		"header fields, sizes of bodies and texts of queries are left out of spans",
	}
	// Both at once: most of the time they wait.
	t.Run("for as long as there is load", func(t *testing.T) {
		t.Parallel()
		n := startNginx(t, noBackend)
		c := startCollector(t, n.target()+"limits: {bpf: 0.00001}\nprobes: {http: {}}")
		c.countOnly = true
		busy := start(t, wrk(t, n.url("/hello")))
		waitFor(t, "all that leaves the account exact to be shed", func() bool { return len(steps(c, shedding)) >= len(order) })
		busy.stop(t, syscall.SIGTERM)
		lines, a := checkConservation(t, c, n)
		assert.Equal(t, order, steps(c, shedding)[:len(order)])
		assert.Greater(t, a.sampledOut, lines/10)
		assert.Less(t, a.delivered, lines)
	})
	t.Run("until there is room again", func(t *testing.T) {
		t.Parallel()
		n := startNginx(t, noBackend)
		c := startCollector(t, n.target()+"limits: {cpu: 0.05}\nprobes: {http: {}}")
		c.countOnly = true
		busy := start(t, wrk(t, n.url("/hello")))
		waitFor(t, "two steps", func() bool { return len(steps(c, shedding)) >= 2 })
		busy.stop(t, syscall.SIGTERM)
		waitFor(t, "what was shed to be taken up again", func() bool { return len(steps(c, takingUp)) == len(steps(c, shedding)) })
		shed, back := steps(c, shedding), steps(c, takingUp)
		assert.Equal(t, order[:len(shed)], shed)
		slices.Reverse(back)
		assert.Equal(t, shed, back)
		c.settle(t)
		spans := c.spanCount()
		run(t, "ab", "-q", "-k", "-n", "1000", "-c", "4", n.url("/hello"))
		waitFor(t, "each span", func() bool { return c.spanCount() >= spans+1000 })
		checkConservation(t, c, n)
		assert.Equal(t, spans+1000, c.spanCount())
	})
}

// A noisy process has no more spans than it may, and a quiet one all of its own.
func TestNoisyProcessTakesNothingOfOthers(t *testing.T) {
	live(t)
	noisy, quiet := startNginx(t, noBackend), startNginx(t, noBackend)
	const rate = 100
	c := startCollector(t, targetPIDs(t, append(noisy.pids(t), quiet.pids(t)...)...)+"limits: {process_spans_per_second: 100}\nprobes: {http: {}, "+plain+"}")
	began := time.Now()
	busy := start(t, wrk(t, noisy.url("/hello")))
	run(t, "hey", "-n", "200", "-c", "2", "-q", "20", quiet.url("/hello"))
	busy.stop(t, 15)
	took := time.Since(began)
	pids, quietPIDs := noisy.pids(t), quiet.pids(t)
	requests := len(noisy.quit(t))
	require.Len(t, quiet.quit(t), 200)
	a := c.settle(t)["http"]
	c.shutdown(t)
	assert.EqualValues(t, requests, c.countOf(serverDuration, of(pids...)), "metrics have all")
	assert.EqualValues(t, 200, c.countOf(serverDuration, of(quietPIDs...)))
	assert.Len(t, c.spansOf(ptrace.SpanKindServer, of(quietPIDs...)), 200)
	spans := len(c.spansOf(ptrace.SpanKindServer, of(pids...)))
	t.Logf("%d requests of the noisy one, %d spans in %s", requests, spans, took)
	most := rate * float64(len(pids)) * (took.Seconds() + 1)
	assert.LessOrEqual(t, float64(spans), most)
	assert.GreaterOrEqual(t, spans, 100)
	assert.Greater(t, requests, 2*int(most), "it was noisy")
	assert.EqualValues(t, requests+200, a.delivered+a.sampledOut)
	assert.Zero(t, a.totalLost(), "%v", a.lost)
}

// What is measured needs a right that only the start needs: without it the start says so.
func TestBudgetForProgramsNeedsARight(t *testing.T) {
	live(t)
	confined := confine(t)
	c := &collector{sink: newSink(t), ownPort: freePort(t)}
	path := c.writeConfig(t, []string{"traces", "metrics", "logs"}, map[string]string{"ebpf": "limits: {bpf: 0.1}\nprobes: {process: {}}"})
	out, err := confined(collectorPath(t), "--config=file:"+path).CombinedOutput()
	require.Error(t, err)
	assert.True(t, strings.Contains(string(out), "limits::bpf: the kernel cannot be told to measure its programs, which takes CAP_SYS_ADMIN"), "%s", out)
}

// connections are those of wrk.
const connections = 8

// wrk makes as many requests as it can until it is stopped.
func wrk(t testing.TB, url string) *exec.Cmd {
	t.Helper()
	return exec.Command(program(t, "wrk"), "-t1", fmt.Sprintf("-c%d", connections), "-d900s", url)
}

// All threads of the collector have the slice that was asked for, also those that begin under load.
func TestSlice(t *testing.T) {
	beside(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"limits: {slice: 300us}\nprobes: {http: {}}")
	for range 100 {
		r, err := http.Get(n.url("/hello"))
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", c.pid()))
	require.NoError(t, err)
	for _, one := range threads {
		id, err := strconv.Atoi(one.Name())
		require.NoError(t, err)
		attr, err := unix.SchedGetAttr(id, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, 300*time.Microsecond, time.Duration(attr.Runtime), "thread %d of %d", id, len(threads))
	}
	lines, a := checkConservation(t, c, n)
	assert.EqualValues(t, 100, lines)
	assert.EqualValues(t, 100, a.delivered)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Over its budget the collector makes fewer spans, says so, and its account still adds up:
// the metrics have every request.
func TestOverBudgetIsShedAndCounted(t *testing.T) {
	live(t)
	for name, budget := range map[string]string{"cpu": "cpu: 0.02", "bpf": "bpf: 0.00001"} {
		t.Run(name, func(t *testing.T) {
			n := startNginx(t, noBackend)
			c := startCollector(t, n.target()+"limits: {"+budget+"}\nprobes: {http: {}}")
			c.countOnly = true
			run(t, "wrk", "-t1", "-c8", "-d13s", n.url("/hello"))
			said := c.out.String()
			lines, a := checkConservation(t, c, n)
			for _, step := range []string{"50 % of the traces are left out", "90 % of the traces are left out"} {
				assert.Contains(t, said, "over its budget: "+step)
			}
			assert.Greater(t, a.sampledOut, lines/10)
			assert.Less(t, a.delivered, lines)
		})
	}
}

// A noisy process has no more spans than it may, and a quiet one all of its own.
func TestNoisyProcessTakesNothingOfOthers(t *testing.T) {
	live(t)
	noisy, quiet := startNginx(t, noBackend), startNginx(t, noBackend)
	const rate = 100
	c := startCollector(t, targetPIDs(t, append(noisy.pids(t), quiet.pids(t)...)...)+"limits: {process_spans_per_second: 100}\nprobes: {http: {}}")
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
	path := c.writeConfig(t, map[string]string{"ebpf": "limits: {bpf: 0.1}\nprobes: {process: {}}"})
	out, err := confined(collectorPath(t), "--config=file:"+path).CombinedOutput()
	require.Error(t, err)
	assert.True(t, strings.Contains(string(out), "limits::bpf: the kernel cannot be told to measure its programs, which takes CAP_SYS_ADMIN"), "%s", out)
}

// connections are those of wrk.
const connections = 8

// wrk makes as many requests as it can until it is stopped.
func wrk(t testing.TB, url string) *exec.Cmd {
	t.Helper()
	return exec.Command(program(t, "wrk"), "-t1", fmt.Sprintf("-c%d", connections), "-d60s", url)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	soak       = flag.Duration("soak", 0, "how long the collector is observed under mixed load; 0 means not at all")
	soakReport = flag.String("soak-report", "", "the file that the report is written to")
)

// sample is how the collector is at one time.
type sample struct {
	at           time.Duration
	memory       int // bytes, resident
	descriptors  int
	threads      int
	spans, total uint64 // that came, and that were seen
}

// TestSoak puts the collector under mixed load for long: keep-alive and new connections, TLS, and
// processes that come and go. Its memory and descriptors must be flat after the first quarter,
// and its account must add up to the access logs.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("only with -soak: make soak")
	}
	live(t)
	n, secret := startNginx(t, noBackend), startTLSNginx(t)
	c := startCollector(t, "targets: [{exe: /**/nginx}]\nprobes: {http: {}, process: {}, scheduler: {}, signals: {}, tcp: {}}")
	c.countOnly = true
	began := time.Now()
	loads := []*exec.Cmd{
		exec.Command(program(t, "hey"), "-z", soak.String(), "-c", "10", "-q", "150", n.url("/hello")),
		exec.Command(program(t, "hey"), "-z", soak.String(), "-c", "4", "-q", "25", "-disable-keepalive", n.url("/missing")),
		exec.Command(program(t, "hey"), "-z", soak.String(), "-c", "4", "-q", "50", secret.https("/hello")),
		exec.Command("/bin/sh", "-c", fmt.Sprintf("end=$(($(date +%%s)+%d)); while [ $(date +%%s) -lt $end ]; do /bin/true; sleep 0.05; done", int(soak.Seconds()))),
	}
	var running []*child
	for _, cmd := range loads {
		running = append(running, start(t, cmd))
	}
	var samples []sample
	take := func() {
		accounts, _ := c.accounts(t)
		http := accounts["http"]
		if http == nil {
			http = &account{} // nothing is counted in the first second
		}
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", c.pid()))
		require.NoError(t, err)
		samples = append(samples, sample{
			time.Since(began), resident(t, c.pid()), descriptors(t, c.pid()), len(threads), c.spanCount(), http.seen,
		})
	}
	for tick := *soak / 40; time.Since(began) < *soak; time.Sleep(tick) {
		take()
	}
	for _, load := range running {
		select {
		case <-load.done:
		case <-time.After(time.Minute):
			t.Fatalf("%s did not end", load.cmd.Path)
		}
	}
	take()
	pids := append(n.pids(t), secret.pids(t)...)
	lines := uint64(len(n.quit(t)) + len(secret.quit(t)))
	a := c.settle(t)["http"]
	c.shutdown(t)
	measured := c.countOf(serverDuration, of(pids...))
	assert.Equal(t, lines, measured+a.totalLost()-a.lost["refused"])
	assert.Equal(t, a.delivered, c.spanCount())

	quarter, last := samples[len(samples)/4], samples[len(samples)-1]
	assert.Less(t, float64(last.memory), 1.15*float64(quarter.memory)+(16<<20), "memory grows")
	assert.LessOrEqual(t, last.descriptors, quarter.descriptors+8, "descriptors grow")
	if *soakReport != "" && !t.Failed() {
		require.NoError(t, os.WriteFile(filepath.Clean(*soakReport), []byte(report(t, samples, lines, measured, a)), 0o644))
	}
}

// report is a page of what was seen.
func report(t *testing.T, samples []sample, lines, measured uint64, a account) string {
	t.Helper()
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	require.NoError(t, err)
	var b strings.Builder
	fmt.Fprintf(&b, `# The collector under mixed load for %s

Written by `+"`make soak`"+` on a machine with %d processors of the architecture %s and kernel %s. nginx answered 1500 requests a
second over connections that stay, 100 over new ones, and 200 over TLS, while processes came and went.

The access logs have %d requests, the metrics %d; of %d exchanges %d became spans, and %d were lost.

| after | resident memory (MiB) | descriptors | threads | exchanges seen | spans |
|---|---|---|---|---|---|
`, *soak, runtime.NumCPU(), runtime.GOARCH, strings.TrimSpace(string(release)), lines, measured, a.seen, a.delivered, a.totalLost())
	for _, s := range samples {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", s.at.Round(time.Second), s.memory>>20, s.descriptors, s.threads, s.total, s.spans)
	}
	return b.String()
}

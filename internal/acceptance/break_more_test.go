// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// Connections that are opened and closed as fast as the machine can, one request on each.
func TestBreakManyShortConnections(t *testing.T) {
	live(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"probes: {http: {}, tcp: {}}")
	c.countOnly = true
	const many = 30000
	out := run(t, "ab", "-q", "-n", "30000", "-c", "16", n.url("/hello"))
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "Requests per second") {
			t.Log(strings.TrimSpace(line))
		}
	}
	lines, a := checkConservation(t, c, n)
	require.EqualValues(t, many, lines)
	t.Log(a.lost)
}

// Programs of others on the same hooks begin and end meanwhile: nobody notices, and they see
// what there is to see as well.
func TestBreakOtherAgents(t *testing.T) {
	live(t)
	livetest.Tracefs(t) // which these need
	livetest.CheckLeaks(t)
	n := startNginx(t, noBackend)
	others := func() (all []*child) {
		for _, agent := range [][]string{{"tcplife"}, {"tcpstates"}, {"runqlat", "60"}, {"cpudist", "60"}, {"execsnoop"}, {"exitsnoop"}} {
			all = append(all, start(t, exec.Command(program(t, agent[0]), agent[1:]...)))
		}
		time.Sleep(2 * time.Second) // they load
		return all
	}
	first := others()
	c := startCollector(t, n.target()+"probes: {http: {}, tcp: {}, scheduler: {}, process: {}}")
	c.countOnly = true
	run(t, "ab", "-q", "-n", "2000", "-c", "4", n.url("/hello"))
	second := others()
	run(t, "ab", "-q", "-n", "2000", "-c", "4", n.url("/hello"))
	for i, agent := range append(first, second...) {
		assert.False(t, agent.ended(), "%s", agent.out)
		agent.stop(t, []syscall.Signal{syscall.SIGINT, syscall.SIGKILL}[i%2])
	}
	run(t, "ab", "-q", "-k", "-n", "2000", "-c", "4", n.url("/hello"))
	lines, a := checkConservation(t, c, n)
	require.EqualValues(t, 6000, lines)
	assert.Zero(t, a.totalLost(), "%v", a.lost)
	assert.GreaterOrEqual(t, strings.Count(first[0].out.String(), "\n"), 4000, "connections that tcplife saw at both ends")
}

// Tables of the kernel with a few places for hundreds of processes: what has none is counted.
func TestBreakFullMaps(t *testing.T) {
	beside(t)
	fill := func(t *testing.T, section, cause string, names ...string) {
		c := startCollector(t, section)
		c.countOnly = true
		server := startPython(t, "threads")
		var clients []*child
		for range 150 { // at once
			clients = append(clients, start(t, exec.Command(program(t, "curl"), "-sS", "--fail", "-o", "/dev/null", server.url("/slow?ms=4000"))))
		}
		for _, client := range clients {
			waitFor(t, "the answer", client.ended)
			assert.True(t, client.cmd.ProcessState.Success(), "%s", client.out)
		}
		waitFor(t, "what had no place to be counted", func() bool {
			accounts, _ := c.accounts(t)
			for _, name := range names {
				if a := accounts[name]; a == nil || a.lost[cause] == 0 || !a.settled() {
					return false
				}
			}
			return true
		})
		accounts, _ := c.accounts(t)
		for _, name := range names {
			a := accounts[name]
			t.Logf("%s: %+v", name, *a)
			assert.Positive(t, a.delivered, name)
		}
		c.shutdown(t)
	}
	t.Run("series", func(t *testing.T) {
		t.Parallel()
		fill(t, `probes:
  tcp: {max_sockets: 64}
  scheduler: {max_series: 64}
  memory: {max_processes: 64}
  syscalls: {max_series: 64}
  filesystem: {max_series: 64, threshold: 0s}`, "map_full", "tcp", "scheduler", "memory", "syscalls", "filesystem")
	})
	t.Run("processes", func(t *testing.T) {
		t.Parallel()
		fill(t, "targets: [{exe: /**/curl}]\nprobes: {http: {}, process: {}, discovery: {max_processes: 64}}", "overflow", "discovery")
	})
}

// The executables of servers are deleted, of one before it is observed and of another meanwhile,
// after which it forks new workers: all are observed, under the path that they had.
func TestBreakDeletedExecutables(t *testing.T) {
	beside(t)
	text, err := os.ReadFile(program(t, "nginx"))
	require.NoError(t, err)
	dir := t.TempDir()
	var servers [2]*nginx
	var paths [2]string
	for i := range servers {
		paths[i] = filepath.Join(dir, fmt.Sprintf("server%d", i))
		require.NoError(t, os.WriteFile(paths[i], text, 0o755))
		servers[i] = startNginxOf(t, paths[i])
	}
	require.NoError(t, os.Remove(paths[0]))
	c := startCollector(t, fmt.Sprintf("targets: [{exe: %s/server*}]\nprobes: {http: {}, process: {}, tls: {}, go: {}}", dir))
	c.countOnly = true
	load := func() {
		for _, n := range servers {
			run(t, "ab", "-q", "-k", "-n", "1000", "-c", "4", n.url("/hello"))
		}
	}
	load()
	require.NoError(t, os.Remove(paths[1]))
	for _, n := range servers {
		for _, pid := range children(t, n.pid()) {
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		waitFor(t, "new workers", func() bool { return len(children(t, n.pid())) == 2 })
	}
	load()
	for _, n := range servers {
		require.Len(t, n.quit(t), 2000)
	}
	a := c.settle(t)["http"]
	c.shutdown(t)
	assert.Zero(t, a.totalLost(), "%v", a.lost)
	for _, path := range paths {
		assert.EqualValues(t, 2000, c.countOf(serverDuration, func(a attrs) bool { return a["process.executable.path"] == path }), path)
	}
	assert.EqualValues(t, 4000, a.delivered)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// What is said of a process does not depend on whether it is a target or all processes are: two
// collectors watch the same programs, most of which end at once.
func TestTargetsAsAll(t *testing.T) {
	live(t)
	dir := t.TempDir()
	for _, name := range []string{"curl", "dd", "sh"} {
		copied(t, name, dir)
	}
	n := startNginx(t, freePort(t))
	all := startCollector(t, "collection_interval: 1s\n"+everyInstrument())
	targets := startCollector(t, "collection_interval: 1s\ntargets: [{exe: "+dir+"/*}]\n"+everyInstrument())
	pids := map[int64]string{}
	for range 5 {
		for _, args := range [][]string{
			{"curl", "-s", "-o", "/dev/null", n.url("/")},
			{"curl", "-s", "-o", "/dev/null", "http://127.0.0.1:1/"},
			{"dd", "if=/dev/zero", "of=" + filepath.Join(dir, "file"), "bs=64k", "count=50", "conv=fsync"},
			{"sh", "-c", "kill -SEGV $$"},
			{"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; read x < /dev/null; exit 3"},
		} {
			cmd := exec.Command(filepath.Join(dir, args[0]), args[1:]...)
			_ = cmd.Run() // some fail, as they are told to
			pids[int64(cmd.Process.Pid)] = fmt.Sprint(args)
		}
	}
	time.Sleep(5 * time.Second) // both tell every second
	said := func(c *collector) map[string]uint64 {
		lines := map[string]uint64{}
		ours := func(a attrs) (string, bool) {
			pid, _ := a["process.pid"].(int64)
			what, ok := pids[pid]
			return fmt.Sprintf("%d %s: ", pid, what), ok
		}
		for _, s := range c.spansOf(ptrace.SpanKindClient, func(attrs) bool { return true }) {
			if of, ok := ours(s.resource); ok {
				lines[of+"span "+s.Name()]++
			}
		}
		for _, e := range c.eventsOf(func(event) bool { return true }) {
			if of, ok := ours(e.resource); ok {
				lines[of+"event "+e.name]++
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, p := range c.points {
			if of, ok := ours(p.resource); ok {
				lines[of+"metric "+p.metric+" "+p.attrs.key()] += p.count
			}
		}
		return lines
	}
	a, b := said(all), said(targets)
	require.NotEmpty(t, a)
	for line, count := range a {
		as, ok := b[line]
		switch {
		case byTime.MatchString(line): // each measures by itself how long something took
		case beforeExec.MatchString(line):
			assert.LessOrEqual(t, as, count, line)
		default:
			assert.True(t, ok && as == count, "%d, as a target %d (%t): %s", count, as, ok, line)
		}
	}
	for line := range b {
		_, ok := a[line]
		assert.True(t, ok || byTime.MatchString(line), "only as a target: %s", line)
	}
	for _, c := range []*collector{all, targets} {
		accounts, _ := c.accounts(t)
		for name, a := range accounts {
			delete(a.lost, "missed") // some machines run no program at times
			assert.Zero(t, a.totalLost(), "%s: %v", name, a.lost)
		}
	}
}

var (
	// beforeExec is what a process also does before it executes what makes it a target.
	beforeExec = regexp.MustCompile(`metric (ebpf\.syscall\.|ebpf\.scheduler\.run_queue)`)
	// byTime is counted only when it took long enough.
	byTime = regexp.MustCompile(`metric ebpf\.filesystem\.`)
)

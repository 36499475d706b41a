// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

const unitFile = "../../deploy/systemd/otelcol-ebpf.service"

// unit gives the values of each setting of the service, in their order.
func unit(t testing.TB) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(unitFile)
	require.NoError(t, err)
	settings := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			settings[key] = append(settings[key], value)
		}
	}
	return settings
}

// rights are the capabilities on record, as a set.
func rights(t testing.TB) (names []string, set uint64) {
	t.Helper()
	r, err := support.ReadRights("../kernels/support/rights.json")
	require.NoError(t, err)
	for c := range kernel.Capability(64) {
		if slices.Contains(r.Names(), c.String()) {
			set |= 1 << c
		}
	}
	return r.Names(), set
}

// The service has exactly the capabilities that were found to be needed.
func TestServiceHasTheRightsOnRecord(t *testing.T) {
	names, _ := rights(t)
	u := unit(t)
	assert.Equal(t, []string{strings.Join(names, " ")}, u["AmbientCapabilities"])
	assert.Equal(t, []string{strings.Join(names, " ")}, u["CapabilityBoundingSet"])
}

// systemd itself takes the service for right, and for well confined.
func TestServiceIsOneForSystemd(t *testing.T) {
	analyze := program(t, "systemd-analyze")
	text, err := os.ReadFile(unitFile)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), filepath.Base(unitFile))
	// Its program is installed nowhere here.
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/usr/bin/otelcol-ebpf", "/bin/true")), 0o600))
	out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Empty(t, string(out))
	out, err = exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold=30", path).CombinedOutput()
	require.NoError(t, err, "more exposed than 3.0 of 10\n%s", out)
	t.Log(tail(string(out), 200))
}

// systemCalls are the numbers of those that the service may use.
func systemCalls(t testing.TB) string {
	t.Helper()
	analyze := program(t, "systemd-analyze")
	allowed := map[string]bool{}
	var apply func(name string, allow bool)
	apply = func(name string, allow bool) {
		if !strings.HasPrefix(name, "@") {
			allowed[name] = allow
			return
		}
		out, err := exec.Command(analyze, "syscall-filter", "--no-pager", name).CombinedOutput()
		require.NoError(t, err, "%s", out)
		for line := range strings.Lines(string(out)) {
			if member := strings.TrimSpace(line); strings.HasPrefix(line, " ") && !strings.HasPrefix(member, "#") {
				apply(member, allow)
			}
		}
	}
	apply("@default", true)
	for _, line := range unit(t)["SystemCallFilter"] {
		names, deny := strings.CutPrefix(line, "~")
		for name := range strings.FieldsSeq(names) {
			apply(name, !deny)
		}
	}
	// The numbers are those of the C library's headers.
	header := map[string]string{"amd64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "arm64": "/usr/include/asm-generic/unistd.h"}[runtime.GOARCH]
	text, err := os.ReadFile(header)
	if err != nil {
		unmet(t, "needs libc6-dev: "+err.Error())
	}
	var numbers []string
	for _, m := range regexp.MustCompile(`(?m)^#define __NR_(\w+)\s+(\d+)`).FindAllStringSubmatch(string(text), -1) {
		if allowed[m[1]] {
			numbers = append(numbers, m[2])
		}
	}
	require.Greater(t, len(numbers), 100, "of %v", slices.Sorted(maps.Keys(allowed)))
	return strings.Join(numbers, ",")
}

// confine makes a command that runs as the service does.
func confine(t testing.TB) func(name string, args ...string) *exec.Cmd {
	t.Helper()
	_, set := rights(t)
	calls := systemCalls(t)
	return func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command("/proc/self/exe", append([]string{strconv.FormatUint(set, 16), calls, name}, args...)...)
		cmd.Env = append(os.Environ(), roleKey+"=confined")
		return cmd
	}
}

// capabilities gives the sets of each thread of a process that differ from one another.
func capabilities(t testing.TB, pid int) []string {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	require.NoError(t, err)
	found := map[string]bool{}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "Cap") || strings.HasPrefix(line, "Uid:") {
				found[strings.Join(strings.Fields(line), " ")] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// As a user that is not root, with the capabilities on record, the system calls of the service
// and nothing that it can write to, the collector sees all; and when it has given up what it
// needed to begin, it goes on, and sees what programs encrypt that begin later.
func TestConfinedCollectorSeesAll(t *testing.T) {
	live(t)
	livetest.CheckLeaks(t)
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprintf("drop_capabilities=%t", drop), func(t *testing.T) {
			n := startNginx(t, noBackend)
			section := fmt.Sprintf("drop_capabilities: %t\non_unsupported: fail\nprobes: {blockio: {}, dns: {}, filesystem: {}, go: {}, http: {}, process: {}, memory: {}, scheduler: {}, signals: {}, sql: {}, syscalls: {}, tcp: {}}\ntargets: [{exe: /**/nginx}, {exe: /**/wget}]\n", drop)
			c := startReceiversAs(t, map[string]string{"ebpf": section}, confine(t))
			_, set := rights(t)
			if drop {
				set &^= 1<<kernel.CapBPF | 1<<kernel.CapPerfmon
			}
			sets := capabilities(t, c.pid())
			t.Log(sets)
			for _, name := range []string{"CapPrm", "CapEff", "CapAmb"} {
				assert.Contains(t, sets, fmt.Sprintf("%s: %016x", name, set), "all threads")
			}
			assert.Len(t, sets, 6, "some threads have others")
			run(t, "ab", "-q", "-k", "-n", "1000", "-c", "4", n.url("/hello"))
			later := startTLSNginx(t)
			require.False(t, attachedTo(c, "libgnutls"), "somebody had it mapped before")
			get := []string{"-q", "--no-check-certificate", "-O", "/dev/null", later.https("/hello")}
			waitFor(t, "a library that nobody had mapped to be attached to", func() bool {
				run(t, "wget", get...)
				return attachedTo(c, "libgnutls")
			})
			run(t, "wget", append(get, later.https("/hello?again"), later.https("/hello?again"))...)
			pids, laterPIDs := n.pids(t), later.pids(t)
			n.quit(t)
			requests := len(later.quit(t))
			a := c.settle(t)["http"]
			c.shutdown(t)
			assert.Zero(t, a.totalLost(), "%v", a.lost)
			assert.EqualValues(t, 1000, c.countOf(serverDuration, of(pids...)))
			assert.EqualValues(t, requests, c.countOf(serverDuration, of(laterPIDs...)))
			again := 0
			for _, s := range c.spansOf(ptrace.SpanKindClient, func(a attrs) bool { return a["process.executable.name"] == "wget" }) {
				if strings.HasSuffix(fmt.Sprint(s.attr("url.full")), "again") {
					again++
				}
			}
			assert.Equal(t, 2, again, "what wget encrypts")
		})
	}
}

// With what it gave up a collector cannot load its programs again: a reload ends it, and it
// says why.
func TestReloadAfterRightsWereGivenUp(t *testing.T) {
	live(t)
	livetest.CheckLeaks(t)
	c := startReceiversAs(t, map[string]string{"ebpf": "drop_capabilities: true\nprobes: {process: {}}"}, confine(t))
	c.stop(t, syscall.SIGHUP)
	assert.False(t, c.cmd.ProcessState.Success())
	assert.Contains(t, c.out.String(), "CAP_BPF is missing: with drop_capabilities")
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
	"github.com/ebpfreceiver/ebpfreceiver/receiver"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// choice is a way to run the receiver: which variants it must take.
type choice struct {
	name   string
	forced map[string]any
}

// choices are the receiver's own one and others in which each other variant that
// this kernel has of any probe comes once. runs tells which variant of which probe
// is the own choice.
func choices(t *testing.T) (able []choice, unable map[variant]string, runs support.Told) {
	t.Helper()
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	var manifests []probe.Manifest
	for _, f := range probes.All() {
		manifests = append(manifests, f.Manifest)
	}
	set, err := compat.Prepare(manifests...)
	require.NoError(t, err)
	resolutions, err := set.Resolve(k)
	require.NoError(t, err)
	able, unable, runs = []choice{{name: "own choice"}}, map[variant]string{}, support.Told{}
	extending := map[string]any{}
	for _, r := range resolutions {
		for i, c := range r.Candidates {
			if i == 0 || r.State == compat.None {
				continue
			}
			if extendsSocket(r.Probe) {
				extending[r.Probe] = c.Variant
				continue
			}
			// The first weaker variants of all probes together, then the second: to start takes long.
			if i == len(able) {
				able = append(able, choice{forced: map[string]any{}})
			}
			able[i].forced[r.Probe] = c.Variant
			able[i].name = strings.TrimPrefix(able[i].name+","+r.Probe+"="+c.Variant, ",")
		}
		if r.State != compat.None {
			runs[r.Probe] = ""
			if c := r.Chosen(); c != nil {
				runs[r.Probe] = c.Variant
			}
		}
		if len(r.Through) > 0 {
			continue // it does not come to that
		}
		for _, rejected := range r.Rejected {
			unable[variant{r.Probe, rejected.Variant}] = rejected.Reasons[0]
		}
	}
	if len(extending) > 0 {
		i := slices.IndexFunc(able, func(c choice) bool { return c.forced != nil && canExtend(c.forced["socket"]) })
		if i < 0 {
			i = len(able)
			able = append(able, choice{forced: map[string]any{}})
		}
		maps.Copy(able[i].forced, extending)
		able[i].name = strings.TrimPrefix(able[i].name+",weaker of those that extend socket", ",")
	}
	return able, unable, runs
}

// extendsSocket tells of a probe that not every variant of the probe socket can be
// joined by. Where that one's variant is forced they are left out, unless they are
// forced, too.
func extendsSocket(probe string) bool { return probe == "tls" || probe == "go" }

// withoutExtensions is the variant of the probe socket that they cannot join, nor one whose
// name begins so.
const withoutExtensions = "sys_exit"

// canExtend tells that they can join the variant of the probe socket, nil for its own choice.
func canExtend(variant any) bool {
	name, _ := variant.(string)
	return !strings.HasPrefix(name, withoutExtensions)
}

// variant is one variant of one probe.
type variant struct{ probe, name string }

// httpAlone chooses the probe http with what it cannot do without: to load more takes long.
func httpAlone() map[string]any {
	return map[string]any{"http": map[string]any{}, "tls": map[string]any{"off": true}}
}

// host keeps the last status.
type host struct {
	component.Host
	mu   sync.Mutex
	last *componentstatus.Event
}

func (h *host) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = e
}

// run starts a receiver.
func run(t *testing.T, sinks *telemetry, settings map[string]any) (stop func() error, h *host, err error) {
	t.Helper()
	f := receiver.NewFactory()
	cfg := f.CreateDefaultConfig().(*receiver.Config)
	self, err := os.Executable()
	require.NoError(t, err)
	all := map[string]any{} // also the probes that are not among the defaults
	for _, f := range probes.All() {
		if f.Manifest.Kind == probe.Instrument {
			all[f.Manifest.Name] = map[string]any{}
		}
	}
	all["filesystem"] = map[string]any{"threshold": "0s"}
	if variants, ok := settings["variants"].(map[string]any); ok && variants["socket"] != nil {
		if variants["go"] == nil {
			delete(all, "go")
		}
		if variants["tls"] == nil {
			all["tls"] = map[string]any{"off": true}
		}
	}
	if settings["probes"] != nil {
		all = map[string]any{} // the test chose
	}
	conf := confmap.NewFromStringMap(map[string]any{"collection_interval": "1s", "targets": []any{map[string]any{"exe": self}}, "probes": all})
	require.NoError(t, conf.Merge(confmap.NewFromStringMap(settings)))
	require.NoError(t, conf.Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	set := receivertest.NewNopSettings(metadata.Type)
	own := componenttest.NewTelemetry()
	set.TelemetrySettings = own.NewTelemetrySettings()
	sinks.own = own
	traces, err := f.CreateTraces(t.Context(), set, cfg, &sinks.traces)
	require.NoError(t, err)
	metrics, err := f.CreateMetrics(t.Context(), set, cfg, &sinks.metrics)
	require.NoError(t, err)
	logs, err := f.CreateLogs(t.Context(), set, cfg, &sinks.logs)
	require.NoError(t, err)
	h = &host{Host: componenttest.NewNopHost()}
	signals := []component.Component{traces, metrics, logs}
	for _, c := range signals {
		if err := c.Start(t.Context(), h); err != nil {
			return nil, h, err
		}
	}
	return sync.OnceValue(func() error {
		for _, c := range signals {
			if err := c.Shutdown(context.WithoutCancel(t.Context())); err != nil {
				return err
			}
		}
		return nil
	}), h, nil
}

// TestReceiver runs the same work under each variant of each probe. What the
// programs did must be what the receiver says, and it must say the same in each.
//
// Each variant of the registry is thus loaded and attached once, where the kernel can
// do that: by a receiver, or else by itself.
func TestReceiver(t *testing.T) {
	livetest.RequireRoot(t)
	able, unable, runs := choices(t)
	said, ran := map[string][]string{}, map[variant]bool{}
	for i, c := range able {
		t.Run(c.name, func(t *testing.T) {
			livetest.CheckLeaks(t)
			o := observe(t, c.forced, runs)
			for again := 0; i == 0 && again < 4 && o.missed() != ""; again++ {
				t.Log("the kernel skipped programs, which the receiver says; once more: ", o.missed())
				o = observe(t, c.forced, runs)
			}
			maps.Copy(ran, o.held)
			for probe, name := range c.forced {
				assert.True(t, o.held[variant{probe, name.(string)}], "%s=%v is forced and does not run", probe, name)
			}
			if i == 0 {
				assert.Equal(t, runs, o.ran, "what was said before is what runs")
				line, err := json.Marshal(o.ran)
				require.NoError(t, err)
				fmt.Fprintln(os.Stdout, support.Mark+string(line)) // for the record of the host
			}
			if missed := o.missed(); i > 0 && missed != "" {
				// From 7.0 programs on tracepoints can be preempted and are then skipped.
				// The receiver's own choice gets another try, a forced one shows that it is told.
				t.Skip("the kernel skipped programs, which the receiver says; nothing is compared: ", missed)
			}
			o.check(t, runs)
			said[c.name] = o.lines
			if dir := os.Getenv("LIVE_DUMP"); dir != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, c.name), []byte(strings.Join(o.lines, "\n")+"\n"), 0o600))
			}
		})
	}
	for _, c := range able[1:] {
		t.Run("same as "+c.name, func(t *testing.T) {
			if said[c.name] == nil {
				t.Skip("there is nothing to compare")
			}
			missing, added := difference(said[able[0].name], said[c.name])
			assert.Empty(t, strings.Join(missing, "\n"), "%s does not say this", c.name)
			assert.Empty(t, strings.Join(added, "\n"), "only %s says this", c.name)
		})
	}
	for v, reason := range unable {
		t.Run("refuse "+v.probe+"="+v.name, func(t *testing.T) {
			livetest.CheckLeaks(t)
			with := httpAlone()
			if v.probe != "socket" && v.probe != "discovery" { // which nobody chooses, and all need
				with[v.probe] = map[string]any{}
			}
			_, _, err := run(t, &telemetry{}, map[string]any{"variants": map[string]any{v.probe: v.name}, "on_unsupported": "fail", "probes": with})
			require.ErrorContains(t, err, reason)
			assert.NotContains(t, err.Error(), "\n", "one sentence is enough")
			t.Log(err)
		})
	}
	testOthers(t, ran)
}

// observation is what a receiver said of a workload.
type observation struct {
	sinks *telemetry
	work  *workload
	lines []string
	lost  []string
	ran   support.Told
	held  map[variant]bool // of those, what the kernel has
}

// observe lets a receiver watch the work.
func observe(t *testing.T, forced map[string]any, runs support.Told) *observation {
	t.Helper()
	began := time.Now()
	o := &observation{sinks: &telemetry{}}
	settings := map[string]any{}
	if forced != nil {
		settings["variants"] = forced
	}
	stop, h, err := run(t, o.sinks, settings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stop()) })
	if len(runs) == len(probes.All()) {
		require.Equal(t, componentstatus.StatusOK, h.last.Status(), "%v", h.last.Err())
	} else {
		require.Equal(t, componentstatus.StatusRecoverableError, h.last.Status())
		t.Log(h.last.Err())
	}
	o.ran = o.sinks.running(t)
	o.held = hold(t, o.ran)
	costs(t)
	ready := time.Now()
	o.work = work(t, func(pid int) {
		if _, ok := runs["process"]; ok {
			if !assert.Eventually(t, func() bool { return o.sinks.knows(pid) }, time.Minute, 5*time.Millisecond, "the exec is not reported") {
				tellCosts(t, &workload{spans: map[string]int{"": 1}, exits: []string{""}})
				t.Fatal("lost: ", o.sinks.lost(t))
			}
		}
	})
	worked := time.Now()
	if _, ok := runs["http"]; ok {
		// What has not come by then is missed below. After a loss not all will come.
		patience := 90 * time.Second
		for began := time.Now(); o.sinks.traces.SpanCount() < o.work.exchanges() && time.Since(began) < patience; {
			time.Sleep(50 * time.Millisecond)
			if len(o.sinks.lost(t)) > 0 {
				patience = 10 * time.Second
			}
		}
	}
	tellCosts(t, o.work)
	o.lost = slices.DeleteFunc(o.sinks.lost(t), func(lost string) bool {
		// Some hosts' kernels run no program while they interrupt the host's own agent. And programs of
		// these may be preempted, and are skipped on that processor meanwhile, which takes the longer the
		// slower the guest is. Nothing of what they count is compared exactly.
		for _, probe := range []string{"blockio", "filesystem", "syscalls"} {
			if strings.HasPrefix(lost, "cause=missed,probe="+probe+":") {
				t.Log("the kernel skipped programs, which the receiver says: ", lost)
				return true
			}
		}
		return false
	})
	require.NoError(t, stop())
	t.Logf("start %.1f s, work %.1f s, end %.1f s, %d exchanges", ready.Sub(began).Seconds(), worked.Sub(ready).Seconds(), time.Since(worked).Seconds(), o.work.exchanges())
	o.lines = o.sinks.lines(o.work)
	return o
}

// missed is what the receiver says of programs that the kernel skipped.
func (o *observation) missed() string { return missedOf(o.lost) }

func missedOf(lost []string) string {
	for _, l := range lost {
		if strings.Contains(l, "cause=missed,") {
			return l
		}
	}
	return ""
}

// check compares with the deeds. Of probes that do not run nothing may come.
func (o *observation) check(t *testing.T, runs support.Told) {
	t.Helper()
	spans, exits, exchanges := map[string]int{}, []string(nil), 0
	if _, ok := runs["http"]; ok {
		spans, exchanges = o.work.spans, o.work.exchanges()
	}
	if _, ok := runs["process"]; ok {
		exits = o.work.exits
	}
	assert.Empty(t, o.lost, "nothing is lost")
	assert.Equal(t, spans, o.sinks.exchanges(o.work), "each exchange is one span of each side")
	assert.Equal(t, exchanges, o.sinks.measured(o.work), "each exchange counts in the metrics")
	assert.Equal(t, exits, o.sinks.exits(o.work), "each end of a process is one record")
	assert.Equal(t, len(exits), o.sinks.execs(o.work), "each exec is one record")
	for probe, metric := range map[string]string{"filesystem": "ebpf.filesystem.operation.duration", "syscalls": "ebpf.syscall.duration"} {
		if _, ok := runs[probe]; ok {
			assert.Positive(t, o.sinks.counted(o.work, metric), "%s counts what the programs did", probe)
		}
	}
}

// difference compares two sorted lists as multisets.
func difference(a, b []string) (onlyA, onlyB []string) {
	count := map[string]int{}
	for _, s := range a {
		count[s]++
	}
	for _, s := range b {
		count[s]--
	}
	for s, n := range count {
		switch {
		case n > 0:
			onlyA = append(onlyA, fmt.Sprintf("%d× %s", n, s))
		case n < 0:
			onlyB = append(onlyB, fmt.Sprintf("%d× %s", -n, s))
		}
	}
	slices.Sort(onlyA)
	slices.Sort(onlyB)
	return onlyA, onlyB
}

// TestRestart: nothing is left however often the receiver starts and ends.
func TestRestart(t *testing.T) {
	livetest.RequireRoot(t)
	if os.Getenv(kernels.InGuest) != "" {
		t.Skip("each choice of TestReceiver starts and ends one, too")
	}
	livetest.CheckLeaks(t)
	for range 2 {
		stop, _, err := run(t, &telemetry{}, nil)
		require.NoError(t, err)
		require.NoError(t, stop())
	}
}

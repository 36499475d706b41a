// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/ebpfreceiver/ebpfreceiver/internal/emit"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary notes what happens to the fake probes, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) has(line string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.lines, line)
}

// fake is a probe without a kernel. Each call goes into the diary.
type fake struct {
	name               string
	diary              *diary
	failLoad           map[string]error // by variant
	failAttach         error
	emit               probe.Emitter
	ticks              int
	logs               bool
	seen, lostInKernel uint64
}

func (f *fake) Load(_ context.Context, l *probe.Loading) error {
	f.diary.add("load " + f.name + " " + l.Variant.Name)
	return f.failLoad[l.Variant.Name]
}

func (f *fake) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	if f.failAttach != nil {
		return nil, f.failAttach
	}
	f.diary.add("attach " + f.name)
	return closer(func() error { f.diary.add("detach " + f.name); return nil }), nil
}

func (f *fake) Close() error { f.diary.add("close " + f.name); return nil }

func (f *fake) Tick(uint64) {
	if f.ticks++; f.ticks == 1 {
		f.diary.add("tick " + f.name)
	}
}

func (f *fake) Flush() {
	f.diary.add("flush " + f.name)
	if f.logs {
		f.emit.LogRecord(&probe.ProcessInfo{}).Body().SetStr("last words")
		f.seen++
	}
}

func (f *fake) Counts() probe.Counts {
	c := probe.Counts{Seen: f.seen + f.lostInKernel, Delivered: f.seen}
	c.Lost[probe.RingFull] = f.lostInKernel
	return c
}

type closer func() error

func (c closer) Close() error { return c() }

// factory makes a fake that brings no object, or one with the variants whose programs are none.
func factory(f *fake, m probe.Manifest) probe.Factory {
	m.Name = f.name
	return probe.Factory{
		Manifest: m,
		New: func(set probe.Settings, _ any) (probe.Probe, error) {
			f.emit = set.Emit
			return f, nil
		},
	}
}

func variant(name string) probe.Variant {
	return probe.Variant{Name: name, Spec: func() (*ebpf.CollectionSpec, error) { return &ebpf.CollectionSpec{}, nil }}
}

func settings(logs *consumertest.LogsSink, factories ...probe.Factory) Settings {
	chosen := map[string]any{}
	for _, f := range factories {
		if f.Manifest.Kind == probe.Instrument {
			chosen[f.Manifest.Name] = nil
		}
	}
	return Settings{
		Receiver:  receivertest.NewNopSettings(metadata.Type),
		Factories: factories,
		Logs:      logs,
		Config:    Config{CollectionInterval: time.Hour, Probes: chosen},
	}
}

func TestDependenciesFirstAndUndoneInReverse(t *testing.T) {
	d := &diary{}
	daemon := factory(&fake{name: "daemon", diary: d}, probe.Manifest{Kind: probe.Daemon, Variants: []probe.Variant{variant("v")}})
	instrument := factory(&fake{name: "instrument", diary: d, logs: true}, probe.Manifest{Signals: probe.Logs, DependsOn: []string{"daemon"}})
	sink := &consumertest.LogsSink{}
	m := New(settings(sink, instrument, daemon))
	require.NoError(t, m.Start(t.Context()))
	require.Eventually(t, func() bool { return d.has("tick instrument") }, 5*time.Second, time.Millisecond)
	require.NoError(t, m.Shutdown(t.Context()))
	require.Equal(t, []string{
		"load daemon v", "attach daemon", "load instrument ", "attach instrument",
		"tick daemon", "tick instrument",
		"detach daemon", "flush daemon", "flush instrument", "detach instrument",
		"close instrument", "close daemon",
	}, d.lines)
	require.Equal(t, 1, sink.LogRecordCount(), "what Flush emits is delivered")
}

func TestVariantFallsBackAndSaysWhy(t *testing.T) {
	d := &diary{}
	f := &fake{name: "p", diary: d, failLoad: map[string]error{"best": errors.New("no trampolines")}}
	weaker := variant("weaker")
	weaker.Loses = []string{"the colour"}
	set := settings(new(consumertest.LogsSink), factory(f, probe.Manifest{Signals: probe.Logs, Variants: []probe.Variant{variant("best"), weaker}}))
	own := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, own.Shutdown(context.WithoutCancel(t.Context()))) })
	set.Receiver.TelemetrySettings = own.NewTelemetrySettings()
	var events []*componentstatus.Event
	set.ReportStatus = func(e *componentstatus.Event) { events = append(events, e) }
	m := New(set)
	require.NoError(t, m.Start(t.Context()))
	u := m.units["p"]
	require.Equal(t, degraded, u.outcome.state)
	require.Equal(t, "weaker", u.outcome.variant)
	require.EqualError(t, u.outcome.rejected[0].reason, "no trampolines")

	const why = "it cannot see the colour; not best: no trampolines"
	require.Len(t, events, 1)
	require.Equal(t, map[string]any{"p": "degraded (weaker): " + why}, events[0].Attributes().AsRaw(), "the component status")
	metric, err := own.GetMetric("otelcol_ebpf_probe_state")
	require.NoError(t, err)
	points := metric.Data.(metricdata.Gauge[int64]).DataPoints
	require.Len(t, points, 1)
	require.Equal(t, attribute.NewSet(attribute.String("probe", "p"), attribute.String("state", "degraded"),
		attribute.String("variant", "weaker"), attribute.String("reason", why)), points[0].Attributes)
	require.NoError(t, m.Shutdown(t.Context()))
}

// TestForcedVariantIsTheOnlyOne, and degraded is one that sees less, not one that costs more.
func TestForcedVariantIsTheOnlyOne(t *testing.T) {
	weaker := variant("weaker")
	weaker.Loses = []string{"the colour"}
	for forced, want := range map[string]state{"best": unsupported, "weaker": degraded, "dearer": running} {
		d := &diary{}
		f := &fake{name: "p", diary: d, failLoad: map[string]error{"best": errors.New("no trampolines")}}
		set := settings(new(consumertest.LogsSink), factory(f, probe.Manifest{Signals: probe.Logs, Variants: []probe.Variant{variant("best"), weaker, variant("dearer")}}))
		set.Config.Variants = map[string]string{"p": forced}
		m := New(set)
		require.NoError(t, m.Start(t.Context()))
		require.Equal(t, want, m.units["p"].outcome.state)
		require.Contains(t, d.lines, "load p "+forced)
		require.NoError(t, m.Shutdown(t.Context()))
		require.Len(t, slices.DeleteFunc(d.lines, func(s string) bool { return s[:4] != "load" }), 1)
	}
}

func TestUnsupportedProbeCostsThatProbeAlone(t *testing.T) {
	refusal := errors.New("the kernel has no such hook")
	for _, demand := range []bool{false, true} {
		d := &diary{}
		bad := factory(&fake{name: "bad", diary: d, failLoad: map[string]error{"v": refusal}}, probe.Manifest{Kind: probe.Daemon, Variants: []probe.Variant{variant("v")}})
		rider := factory(&fake{name: "rider", diary: d}, probe.Manifest{Signals: probe.Logs, DependsOn: []string{"bad"}})
		good := factory(&fake{name: "good", diary: d}, probe.Manifest{Signals: probe.Logs})
		set := settings(new(consumertest.LogsSink), bad, rider, good)
		set.Config.FailUnsupported = demand
		var events []*componentstatus.Event
		set.ReportStatus = func(e *componentstatus.Event) { events = append(events, e) }
		m := New(set)
		err := m.Start(t.Context())
		if demand {
			require.ErrorContains(t, err, "probe bad does not run: the kernel has no such hook")
			require.Contains(t, d.lines, "detach good")
			require.Contains(t, d.lines, "close good")
			continue
		}
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, componentstatus.StatusRecoverableError, events[0].Status())
		require.ErrorContains(t, events[0].Err(), "the kernel has no such hook")
		require.Equal(t, running, m.units["good"].outcome.state)
		require.Equal(t, unsupported, m.units["rider"].outcome.state)
		require.NotContains(t, d.lines, "load rider ")
		require.NoError(t, m.Shutdown(t.Context()))
	}
}

func TestFailedAttachLeavesNothing(t *testing.T) {
	d := &diary{}
	f := &fake{name: "p", diary: d, failAttach: errors.New("refused")}
	m := New(settings(new(consumertest.LogsSink), factory(f, probe.Manifest{Signals: probe.Logs})))
	require.NoError(t, m.Start(t.Context()))
	require.Equal(t, []string{"load p ", "close p"}, d.lines)
	require.Equal(t, failed, m.units["p"].outcome.state)
	require.NoError(t, m.Shutdown(t.Context()))
	require.Equal(t, []string{"load p ", "close p"}, d.lines, "what does not run is not closed twice")
}

func TestCancelledStartUndoes(t *testing.T) {
	d := &diary{}
	ctx, cancel := context.WithCancel(t.Context())
	first := factory(&fake{name: "a", diary: d}, probe.Manifest{Signals: probe.Logs})
	second := factory(&fake{name: "b", diary: d}, probe.Manifest{Signals: probe.Logs})
	make := first.New
	first.New = func(set probe.Settings, c any) (probe.Probe, error) { cancel(); return make(set, c) }
	require.ErrorIs(t, New(settings(new(consumertest.LogsSink), first, second)).Start(ctx), context.Canceled)
	require.Equal(t, []string{"load a ", "attach a", "detach a", "close a"}, d.lines)
}

// A probe with rings of its own is served with the Daemon that it joins.
func TestJoinedProbeSharesTheGoroutine(t *testing.T) {
	m := New(Settings{Receiver: receivertest.NewNopSettings(metadata.Type)})
	var err error
	m.sender, err = emit.NewSender(emit.SenderSettings{Receiver: m.set.Receiver, Traces: consumertest.NewNop()})
	require.NoError(t, err)
	add := func(name, joins string) *unit {
		u := &unit{name: name, factory: probe.Factory{Manifest: probe.Manifest{Name: name, Joins: joins, Variants: []probe.Variant{{Name: "only"}}}}}
		m.units[name] = u
		m.assign(u)
		return u
	}
	daemon, joined, other := add("daemon", ""), add("joined", "daemon"), add("other", "")
	require.Same(t, daemon.loop, joined.loop)
	require.NotSame(t, daemon.loop, other.loop)

	_, _, err = plan([]probe.Factory{{Manifest: probe.Manifest{Name: "a", Signals: probe.Traces, Joins: "b"}}}, map[string]any{"a": nil}, true, probe.Traces)
	require.EqualError(t, err, `probe "a" joins "b", which it does not depend on`)
}

func TestPlan(t *testing.T) {
	f := func(name string, kind probe.Kind, s probe.Signals, deps ...string) probe.Factory {
		return probe.Factory{Manifest: probe.Manifest{Name: name, Kind: kind, Signals: s, DependsOn: deps}}
	}
	all := []probe.Factory{
		f("http", probe.Instrument, probe.Traces|probe.Metrics, "socket"),
		f("process", probe.Instrument, probe.Logs, "discovery"),
		f("socket", probe.Daemon, 0, "discovery"),
		f("discovery", probe.Daemon, 0),
	}
	names := func(units []*unit) (n []string) {
		for _, u := range units {
			n = append(n, u.name)
		}
		return n
	}
	order, left, err := plan(all, map[string]any{"http": nil, "process": nil}, true, probe.Metrics)
	require.NoError(t, err)
	require.Equal(t, []string{"discovery", "socket", "http"}, names(order))
	require.Equal(t, []omitted{{"process", "it produces logs, and no pipeline of these names this receiver"}}, left)

	order, left, err = plan(all, map[string]any{"process": nil, "socket": nil}, true, probe.Logs)
	require.NoError(t, err)
	require.Equal(t, []string{"discovery", "process"}, names(order))
	require.Equal(t, []omitted{{"socket", "no loaded probe needs it"}}, left)

	_, _, err = plan(all, map[string]any{"htpp": nil}, true, probe.Logs)
	require.EqualError(t, err, `there is no probe "htpp"; there are discovery, http, process, socket`)

	all[0].Manifest.OnRequest = probe.Metrics
	for _, requested := range []bool{false, true} {
		for _, signals := range []probe.Signals{probe.Metrics, probe.Metrics | probe.Logs, probe.Metrics | probe.Traces} {
			order, left, err = plan(all, map[string]any{"http": nil}, requested, signals)
			require.NoError(t, err)
			if requested || signals.Has(probe.Traces) {
				require.Empty(t, left)
				require.Len(t, order, 3)
			} else {
				require.Empty(t, order)
				require.Equal(t, []omitted{{"http", `for metrics alone it is loaded only when it has a section under "probes"`}}, left)
			}
		}
	}

	loop := []probe.Factory{f("a", probe.Instrument, probe.Logs, "b"), f("b", probe.Daemon, 0, "a")}
	_, _, err = plan(loop, map[string]any{"a": nil}, true, probe.Logs)
	require.EqualError(t, err, "probes depend on each other: a → b → a")

	_, _, err = plan(all[:1], map[string]any{"http": nil}, true, probe.Traces)
	require.EqualError(t, err, `probe "http" depends on "socket", which does not exist`)
}

// off is a configuration that switches its Daemon off.
type off struct{}

func (off) Enabled() bool { return false }

// TestExtension: a Daemon that extends another is loaded with it, right behind it, and
// only with it.
func TestExtension(t *testing.T) {
	f := func(name string, kind probe.Kind, extends string, deps ...string) probe.Factory {
		return probe.Factory{Manifest: probe.Manifest{Name: name, Kind: kind, Signals: probe.Logs, Extends: extends, DependsOn: deps}}
	}
	all := []probe.Factory{
		f("base", probe.Daemon, ""), f("ext", probe.Daemon, "base", "base"),
		f("uses", probe.Instrument, "", "base"), f("other", probe.Instrument, ""),
	}
	names := func(units []*unit) (n []string) {
		for _, u := range units {
			n = append(n, u.name)
		}
		return n
	}
	order, _, err := plan(all, map[string]any{"uses": nil}, true, probe.Logs)
	require.NoError(t, err)
	require.Equal(t, []string{"base", "ext", "uses"}, names(order))
	order, left, err := plan(all, map[string]any{"other": nil, "ext": nil}, true, probe.Logs)
	require.NoError(t, err)
	require.Equal(t, []string{"other"}, names(order))
	require.Equal(t, []omitted{{"ext", "no loaded probe needs it"}}, left)
	order, left, err = plan(all, map[string]any{"uses": nil, "ext": off{}}, true, probe.Logs)
	require.NoError(t, err)
	require.Equal(t, []string{"base", "uses"}, names(order))
	require.Equal(t, []omitted{{"ext", "its configuration switches it off"}}, left)
	all[1].Manifest.DependsOn = nil
	_, _, err = plan(all, map[string]any{"uses": nil}, true, probe.Logs)
	require.EqualError(t, err, `probe "ext" extends "base", but is no Daemon that depends on it`)
}

// TestNothingSuffersWithoutAnExtension: it is reported alone.
func TestNothingSuffersWithoutAnExtension(t *testing.T) {
	d := &diary{}
	m := New(settings(new(consumertest.LogsSink),
		factory(&fake{name: "base", diary: d}, probe.Manifest{Kind: probe.Daemon, Variants: []probe.Variant{variant("only")}}),
		factory(&fake{name: "ext", diary: d, failLoad: map[string]error{"only": io.ErrUnexpectedEOF}},
			probe.Manifest{Kind: probe.Daemon, Extends: "base", DependsOn: []string{"base"}, Variants: []probe.Variant{variant("only")}}),
		factory(&fake{name: "uses", diary: d}, probe.Manifest{Signals: probe.Logs, DependsOn: []string{"base"}})))
	require.NoError(t, m.Start(t.Context()))
	require.Equal(t, running, m.units["uses"].outcome.state)
	require.Equal(t, running, m.units["base"].outcome.state)
	require.Equal(t, unsupported, m.units["ext"].outcome.state)
	require.NoError(t, m.Shutdown(t.Context()))
}

func TestMemlockIsLiftedOnlyWhereItCounts(t *testing.T) {
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	helpers, err := k.Enum("bpf_func_id")
	require.NoError(t, err)
	require.Equal(t, !slices.Contains(slices.Collect(maps.Values(helpers)), "BPF_FUNC_ktime_get_coarse_ns"), countsMemlock(k))
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package inkernel

import (
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// known are the processes of a test, by PID.
type known map[uint32]*probe.ProcessInfo

func (k known) Lookup(pid uint32, start uint64) *probe.ProcessInfo {
	if p := k[pid]; p != nil && p.StartTime == start {
		return p
	}
	return nil
}

func (k known) add(pid uint32, start uint64) {
	k[pid] = &probe.ProcessInfo{PID: pid, StartTime: start, Resource: pcommon.NewResource()}
}

// manual is a clock that stands still.
type manual struct {
	livetest.Clock
	now uint64
}

func (c *manual) Now() uint64                          { return c.now }
func (c *manual) Timestamp(b uint64) pcommon.Timestamp { return pcommon.Timestamp(b) }

type value struct{ Calls, Time uint64 }

// fixture is a table with a hash that stands for what programs count.
type fixture struct {
	*Table[uint64, value]
	t       *testing.T
	clock   *manual
	known   known
	metrics *livetest.Metrics
}

func newFixture(t *testing.T, selection *discovery.Selection) *fixture {
	livetest.RequireRoot(t)
	require.NoError(t, rlimit.RemoveMemlock())
	hash, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 24, ValueSize: 16, MaxEntries: 8192})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, hash.Close()) })
	f := &fixture{t: t, clock: &manual{now: 100e9}, known: known{}, metrics: &livetest.Metrics{}}
	f.Table = NewTable[uint64, value](probe.Settings{Emit: f.metrics, Processes: f.known, Clock: f.clock, Selection: selection}, Schema[uint64]{
		Metrics: []Metric[uint64]{
			{Name: "calls", Unit: "{call}", Attributes: func(m pcommon.Map, d *uint64) { m.PutInt("dim", int64(*d)) }},
			{Name: "time", Unit: "s", Kind: Seconds64, Word: 1, Skip: true},
		},
		Events: func(w []uint64) uint64 { return w[0] },
	})
	f.Open(hash)
	return f
}

// count is what a program does.
func (f *fixture) count(pid, stripe uint32, start, dim, calls, ns uint64) {
	f.t.Helper()
	k := Key[uint64]{Owner{start, pid, stripe}, dim}
	var v value
	_ = f.hashes[0].Lookup(&k, &v)
	v.Calls += calls
	v.Time += ns
	require.NoError(f.t, f.hashes[0].Put(&k, &v))
}

func (f *fixture) collect() {
	f.t.Helper()
	f.metrics.Reset()
	require.NoError(f.t, f.Collect(time.Now()))
}

func (f *fixture) entries() (n int) {
	var k Key[uint64]
	var v value
	for it := f.hashes[0].Iterate(); it.Next(&k, &v); {
		n++
	}
	return n
}

func TestSeriesAreCumulative(t *testing.T) {
	f := newFixture(t, nil)
	f.known.add(7, 5)
	f.known.add(8, 200e9)
	f.count(7, 0, 5, 1, 10, 0)
	f.count(7, 1, 5, 1, 4, 2e9)
	f.count(7, 1, 5, 2, 1, 0)
	f.count(8, 0, 200e9, 1, 3, 0)
	f.count(0, 0, 0, 1, 2, 0)
	f.clock.now = 300e9
	f.collect()
	assert.Equal(t, map[string]float64{"dim=1": 14, "dim=2": 1}, f.metrics.Values("calls", 7))
	assert.Equal(t, map[string]float64{"": 2}, f.metrics.Values("time", 7), "zero is left out")
	assert.Equal(t, map[string]float64{"dim=1": 2}, f.metrics.Values("calls", 0), "the kernel's own")
	assert.EqualValues(t, 100e9, f.metrics.Points("calls", 7)[0].Start(), "it ran when observation began")
	assert.EqualValues(t, 200e9, f.metrics.Points("calls", 8)[0].Start())

	f.clock.now += 10e9
	f.count(7, 0, 5, 1, 1, 0)
	f.collect()
	assert.Equal(t, map[string]float64{"dim=1": 15, "dim=2": 1}, f.metrics.Values("calls", 7))
	assert.Equal(t, Account{Delivered: 21}, f.Account())
}

func TestEndedProcessesAreReadALastTime(t *testing.T) {
	f := newFixture(t, nil)
	f.known.add(7, 5)
	f.count(7, 0, 5, 1, 10, 0)
	f.collect()
	f.count(7, 0, 5, 1, 1, 0)
	f.Happened(&discovery.Event{Kind: discovery.Exit, PID: 7, Start: 5, Time: f.clock.now, Process: f.known[7]})
	f.collect()
	assert.Equal(t, 1, f.entries(), "something may still be counted")
	f.count(7, 1, 5, 1, 1, 0)
	f.clock.now += 10e9
	f.collect()
	assert.Equal(t, map[string]float64{"dim=1": 12}, f.metrics.Values("calls", 7))
	assert.Zero(t, f.entries())
	f.clock.now += 10e9
	f.collect()
	assert.Empty(t, f.metrics.Values("calls", 7), "all was said")
	// A last packet for a socket that was left behind.
	f.count(7, 0, 5, 1, 1, 0)
	f.clock.now += 10e9
	f.collect()
	assert.Equal(t, map[string]float64{"dim=1": 13}, f.metrics.Values("calls", 7))
	assert.Zero(t, f.entries())
	assert.Len(t, f.processes, 1)
	delete(f.known, 7)
	f.collect()
	assert.Empty(t, f.processes)
	assert.Empty(t, f.exits)
	assert.Equal(t, Account{Delivered: 13}, f.Account())
	f.count(7, 0, 5, 1, 2, 0)
	f.collect()
	assert.Equal(t, Account{Delivered: 13}, f.Account(), "it may yet become known")
	f.clock.now += 10e9
	f.collect()
	assert.Equal(t, Account{Delivered: 13, Unmatched: 2}, f.Account())
	assert.Zero(t, f.entries())
}

func TestAnExitThatWasLost(t *testing.T) {
	f := newFixture(t, nil)
	f.known.add(7, 5)
	f.count(7, 0, 5, 1, 10, 0)
	f.collect()
	delete(f.known, 7)
	f.count(7, 0, 5, 1, 1, 0)
	f.collect()
	assert.Equal(t, map[string]float64{"dim=1": 11}, f.metrics.Values("calls", 7))
	assert.Zero(t, f.entries())
	assert.Empty(t, f.processes)
}

func TestWhatIsNotSelectedIsFiltered(t *testing.T) {
	m, err := discovery.Selector{Exe: "/none"}.Compile()
	require.NoError(t, err)
	f := newFixture(t, &discovery.Selection{Targets: []*discovery.Matcher{m}})
	f.count(7, 0, 5, 1, 10, 0)
	f.collect()
	f.clock.now += 10e9
	f.collect()
	assert.Empty(t, f.metrics.Values("calls", 7))
	assert.Zero(t, f.entries())
	assert.Equal(t, Account{Filtered: 10}, f.Account())
	f.known.add(7, 5) // it has begun to listen on a port, or so
	f.count(7, 0, 5, 1, 3, 0)
	f.collect()
	assert.Equal(t, map[string]float64{"dim=1": 3}, f.metrics.Values("calls", 7))
}

// The record of its end comes after its counters were read.
func TestAProcessThatBecomesKnown(t *testing.T) {
	f := newFixture(t, nil)
	f.count(7, 0, 5, 1, 10, 0)
	f.collect()
	assert.Empty(t, f.metrics.Values("calls", 7))
	f.known.add(7, 5)
	f.Happened(&discovery.Event{Kind: discovery.Exit, PID: 7, Start: 5, Time: f.clock.now, Process: f.known[7]})
	f.clock.now += 10e9
	f.collect()
	assert.Equal(t, map[string]float64{"dim=1": 10}, f.metrics.Values("calls", 7))
	assert.Equal(t, Account{Delivered: 10}, f.Account())
	assert.Zero(t, f.entries())
}

// Short processes leave the hash though nobody collects.
func TestManyShortProcesses(t *testing.T) {
	f := newFixture(t, nil)
	const n = 20_000
	most := 0
	for i := range uint32(n) {
		start := f.clock.now
		f.known.add(i+1, start)
		f.count(i+1, i%2, start, 0, 3, 0)
		f.clock.now += 6e6
		f.Happened(&discovery.Event{Kind: discovery.Exit, PID: i + 1, Start: start, Time: f.clock.now, Process: f.known[i+1]})
		if i%512 == 0 {
			most = max(most, f.entries())
		}
	}
	assert.Less(t, most, 6000)
	f.clock.now += 2e9
	f.collect()
	assert.Len(t, f.metrics.Points("calls", -1), n)
	assert.Equal(t, Account{Delivered: 3 * n}, f.Account())
	assert.Zero(t, f.entries())
	clear(f.known)
	f.collect()
	assert.Empty(t, f.processes)
	assert.Equal(t, Account{Delivered: 3 * n}, f.Account())
}

// A fast succession of processes that make many different calls: what ended leaves the hash sooner
// the fuller it is, so that it is never full, and nothing of it is lost.
func TestShortProcessesWithManySeries(t *testing.T) {
	f := newFixture(t, nil)
	const n, each = 2000, 40
	for i := range uint32(n) {
		start := f.clock.now
		f.known.add(i+1, start)
		for dim := range uint64(each) {
			f.count(i+1, i%2, start, dim, 1, 0) // fails when it is full
		}
		f.clock.now += 2e6 // 500 a second
		f.Happened(&discovery.Event{Kind: discovery.Exit, PID: i + 1, Start: start, Time: f.clock.now, Process: f.known[i+1]})
		if i > 0 {
			f.count(i, i%2, uint64(f.known[i].StartTime), 0, 1, 0) // of a descriptor that is closed late
		}
	}
	f.clock.now += 2e9
	f.collect()
	assert.Len(t, f.metrics.Points("calls", -1), n*each)
	assert.Equal(t, Account{Delivered: n*each + n - 1}, f.Account())
	assert.Equal(t, map[string]float64{"dim=0": 2, "dim=1": 1}, pick(f.metrics.Values("calls", 1000), "dim=0", "dim=1"))
	assert.Zero(t, f.entries())
	f.clock.now += 2e9
	f.collect()
	assert.Empty(t, f.metrics.Points("calls", -1), "all was said")
}

func pick(of map[string]float64, names ...string) map[string]float64 {
	out := map[string]float64{}
	for _, name := range names {
		out[name] = of[name]
	}
	return out
}

// A process that began a moment ago has the name of its parent until it has called exec: nothing is
// told of it before that can be known.
func TestYoungProcessesWait(t *testing.T) {
	f := newFixture(t, nil)
	start := f.clock.now + 1e6 // while it is read
	f.known.add(7, start)
	f.count(7, 0, start, 1, 10, 0)
	f.collect()
	assert.Empty(t, f.metrics.Values("calls", 7))
	assert.Equal(t, Account{}, f.Account())
	f.clock.now = start + youth
	f.collect()
	assert.Equal(t, map[string]float64{"dim=1": 10}, f.metrics.Values("calls", 7))

	// Of one that has called exec, or has ended, all is known.
	for pid, kind := range map[uint32]discovery.Kind{9: discovery.Exec, 10: discovery.Exit} {
		start = f.clock.now
		f.known.add(pid, start)
		f.count(pid, 0, start, 1, 1, 0)
		f.Happened(&discovery.Event{Kind: kind, PID: pid, Start: start, Time: start, Process: f.known[pid]})
		f.collect()
		assert.Equal(t, map[string]float64{"dim=1": 1}, f.metrics.Values("calls", int(pid)))
	}
	f.known.add(8, f.clock.now)
	f.count(8, 0, f.clock.now, 1, 3, 0)
	f.Last()
	f.collect()
	assert.Equal(t, map[string]float64{"dim=1": 3}, f.metrics.Values("calls", 8), "at the end it cannot wait")
	assert.Equal(t, Account{Delivered: 15}, f.Account())
	f.clock.now += youth
	f.collect()
	assert.Empty(t, f.execs)
}

// At the end nothing waits any longer for its process to be known.
func TestTheLastCollectionAccountsForAll(t *testing.T) {
	f := newFixture(t, nil)
	f.count(7, 0, 70, 1, 5, 50)
	f.collect()
	assert.Equal(t, Account{}, f.Account(), "it may become known")
	f.Last()
	f.collect()
	assert.Equal(t, Account{Unmatched: 5}, f.Account())
}

// TestPressureOfTheLiving: a hash that living processes fill for the most part is not read for
// each exit.
func TestPressureOfTheLiving(t *testing.T) {
	var p pressure
	p.begin(8192)
	p.read(8192*6/10, 0, 0)
	readings := 0
	for range 1000 {
		if p.ended() {
			readings++
			p.read(8192*6/10, 8*p.exits, p.exits)
		}
	}
	if readings == 0 || readings > 25 {
		t.Errorf("%d readings for 1000 exits", readings)
	}
}

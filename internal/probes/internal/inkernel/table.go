// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package inkernel

import (
	"slices"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Owner is struct agg_owner: the process that a counter belongs to, and the share of the
// processors that counted.
type Owner struct {
	Start  uint64 // boot time, ns
	PID    uint32 // 0: the kernel's own threads
	Stripe uint32
}

// Key is that of a probe's hash. D are the dimensions: a type without padding, of a multiple
// of 8 bytes and with exported fields.
type Key[D comparable] struct {
	Owner Owner
	Dims  D
}

// Schema says what a probe's values are.
type Schema[D comparable] struct {
	Metrics []Metric[D]
	// Events tells how many events of the kernel a value stands for.
	Events func(words []uint64) uint64
}

// Table holds the series of a probe, of which the values V in the kernel are nothing but
// words of 64 bits. It is used on one goroutine, on which exits are subscribed to.
type Table[D comparable, V any] struct {
	schema    Schema[D]
	set       probe.Settings
	all       bool // every process is selected
	self      *probe.ProcessInfo
	hashes    []*ebpf.Map
	began     uint64 // boot time
	now       uint64 // that of the last reading
	exits     map[id]exit
	execs     map[id]struct{} // of young processes
	pressure  pressure
	processes map[id]*process[D]
	order     []*process[D]
	keys      []Key[D] // room for one batch
	values    []V
	dead      []Key[D]
	words     []uint64 // room for those of a packed series

	last    bool
	counts  Account
	retired uint64 // events of processes that the table has forgotten
}

// Account counts events, as of the last collection.
type Account struct {
	// Delivered are in the series of processes that are observed.
	Delivered uint64
	// Filtered are of processes that turned out not to be selected.
	Filtered uint64
	// Unmatched are of processes of which nothing was known when they were read.
	Unmatched uint64
}

// id tells a process from all others.
type id struct {
	pid   uint32
	start uint64
}

// exit is what is known of the end of a process.
type exit struct {
	info *probe.ProcessInfo // nil if it is not selected
	at   uint64             // boot time
}

// process holds the series of one process.
type process[D comparable] struct {
	id     id
	info   *probe.ProcessInfo // nil: it is not selected
	since  uint64             // boot time at which it was first read
	start  pcommon.Timestamp
	series map[D]*series[D]
	all    []*series[D] // in the order of their creation
	fresh  bool         // something was read of it since it was last emitted
	ended  bool
	packed bool // it has ended, and its series have pairs instead of words
}

// series is one attribute set of one process.
type series[D comparable] struct {
	dims D
	// total is all that was counted. kept is the part of it that is not in the kernel's
	// hash any more.
	total, kept []uint64
	events      uint64 // that a packed one stands for
	pairs       []pair // of a packed one: the words of total that are not 0
}

// pair is a word by its place: most of a histogram is empty.
type pair struct {
	at uint32
	n  uint64
}

const (
	// batch is how many entries are read at once. A bucket of the kernel's hash must fit.
	batch = 256
	// youth is how long a process is not told of unless it is known to have called exec, or to have
	// ended: until then it has the name of its parent, and that may be found out too late.
	youth = uint64(time.Second)
)

// NewTable makes an empty table.
func NewTable[D comparable, V any](set probe.Settings, schema Schema[D]) *Table[D, V] {
	t := &Table[D, V]{schema: schema, set: set, exits: map[id]exit{}, execs: map[id]struct{}{}, processes: map[id]*process[D]{}}
	selection, _ := set.Selection.(*discovery.Selection)
	t.all = selection == nil || selection.All()
	host := discovery.ReadHost()
	var enabled func(string) bool
	if selection != nil {
		enabled = selection.Attributes
	}
	t.self = &probe.ProcessInfo{Resource: host.Resource(enabled)}
	return t
}

// Open tells the table which hashes to read, now that programs begin to fill them.
func (t *Table[D, V]) Open(hashes ...*ebpf.Map) {
	t.hashes, t.began = hashes, t.set.Clock.Now()
	size := 0
	for _, h := range hashes {
		size += int(h.MaxEntries())
	}
	t.pressure.begin(size)
}

// Happened takes an exec or exit that the Daemon discovery hands on.
func (t *Table[D, V]) Happened(e *discovery.Event) {
	key := id{e.PID, e.Start}
	if e.Kind == discovery.Exec {
		if e.Time < e.Start+youth {
			t.execs[key] = struct{}{}
		}
		return
	}
	if e.Kind != discovery.Exit {
		return
	}
	delete(t.execs, key)
	t.exits[key] = exit{info: e.Process, at: e.Time}
	if t.pressure.ended() && t.set.Clock.Now() >= t.now+apart {
		_ = t.read() // the next collection tells of the error
	}
}

// Account gives the counts as of the last collection.
func (t *Table[D, V]) Account() Account { return t.counts }

// words views a value.
func words[V any](v *V) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(v)), unsafe.Sizeof(*v)/8)
}

// find gives what is known of the process of a key.
func (t *Table[D, V]) find(o *Owner) *process[D] {
	key := id{o.PID, o.Start}
	if p := t.processes[key]; p != nil {
		return p
	}
	p := &process[D]{id: key, series: map[D]*series[D]{}}
	t.identify(p)
	p.since = t.now
	p.start = t.set.Clock.Timestamp(max(o.Start, t.began))
	t.processes[key] = p
	t.order = append(t.order, p)
	return p
}

func (p *process[D]) find(dims *D, n int) *series[D] {
	s := p.series[*dims]
	if s == nil {
		s = &series[D]{dims: *dims, total: make([]uint64, n)}
		p.series[*dims] = s
		p.all = append(p.all, s)
	}
	return s
}

// pack keeps of a process that has ended what is needed to tell of it, and to go on if more is
// counted for it: the Daemon discovery knows it for a while yet, and short processes may be many.
func (t *Table[D, V]) pack(p *process[D]) {
	p.packed = true
	for _, s := range p.all {
		s.events = t.schema.Events(s.total)
		for at, n := range s.total {
			if n != 0 {
				s.pairs = append(s.pairs, pair{uint32(at), n})
			}
		}
		s.pairs = slices.Clip(s.pairs)
		s.total, s.kept = nil, nil
	}
}

// unpack undoes that, where values have so many words.
func (p *process[D]) unpack(words int) {
	p.packed = false
	for _, s := range p.all {
		s.total = make([]uint64, words)
		s.fill(s.total)
		s.kept, s.pairs = slices.Clone(s.total), nil
	}
}

func (s *series[D]) fill(words []uint64) {
	for _, of := range s.pairs {
		words[of.at] = of.n
	}
}

// wordsOf gives the words of a series, until the next call.
func (t *Table[D, V]) wordsOf(p *process[D], s *series[D]) []uint64 {
	if !p.packed {
		return s.total
	}
	clear(t.words)
	s.fill(t.words)
	return t.words
}

// events are those that a process's series stand for.
func (t *Table[D, V]) events(p *process[D]) (n uint64) {
	for _, s := range p.all {
		if p.packed {
			n += s.events
		} else {
			n += t.schema.Events(s.total)
		}
	}
	return n
}

// identify finds out whose a process is, and whether it has ended so long ago that nothing
// counts for it any more. An exec gives a process another resource.
func (t *Table[D, V]) identify(p *process[D]) {
	if p.id.pid == 0 {
		p.info = t.self
		return
	}
	if e, ok := t.exits[p.id]; ok {
		// Once read a last time it stays so, whatever the pressure is then.
		p.info, p.ended = e.info, p.ended || e.at+t.pressure.grace() <= t.now
		if p.info != nil {
			return
		}
	}
	info := t.set.Processes.Lookup(p.id.pid, p.id.start)
	if info == nil {
		p.ended = p.info != nil // its exit was lost, or is long past
		return
	}
	p.info = info
}

// waits tells that a process may yet become known: the record of its end may be on its way.
func (t *Table[D, V]) waits(p *process[D]) bool { return !t.last && t.now < p.since+patience }

// young tells that who the process is may yet change. It may have begun while the hashes were read.
func (t *Table[D, V]) young(p *process[D]) bool {
	if t.last || p.ended || p.id.start < t.began || t.now >= p.id.start+youth {
		return false // of one that is older than its observation the exec may not have been seen
	}
	_, hasExecuted := t.execs[p.id]
	_, hasExited := t.exits[p.id]
	return !hasExecuted && !hasExited
}

// Last tells that the next collection is the last one: what waits for its process to be
// known is accounted for then.
func (t *Table[D, V]) Last() { t.last = true }

// forget drops the processes of which all was said.
func (t *Table[D, V]) forget() {
	kept := t.order[:0]
	for _, p := range t.order {
		gone := p.info == nil && !t.waits(p) ||
			p.info != nil && p.ended && t.set.Processes.Lookup(p.id.pid, p.id.start) == nil
		if !gone {
			kept = append(kept, p)
			continue
		}
		t.retired += t.events(p)
		delete(t.processes, p.id)
	}
	clear(t.order[len(kept):])
	t.order = kept
	for key := range t.execs {
		if key.start+youth <= t.now {
			delete(t.execs, key)
		}
	}
	for key, e := range t.exits {
		if e.at+grace <= t.now {
			delete(t.exits, key)
		}
	}
}

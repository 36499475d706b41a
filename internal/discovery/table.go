// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// States are the decisions as the kernel knows them.
type States interface {
	// Set makes a decision known. start is in boot time, ns, with the
	// resolution of /proc at least. at is the time of the event that was decided
	// on, or 0 for a process that was found in /proc. Of those of which it was reported only
	// one that the kernel still knows is set, and none that a later event has made
	// undecided again.
	Set(pid uint32, start uint64, d Decision, at uint64)
	// Selected tells whether the process is observed, as far as the kernel was
	// told. One that is not decided on is what it would be without conditions.
	Selected(pid uint32) bool
}

// Options are those of a [Table].
type Options struct {
	Selection *Selection
	Host      Host
	Clock     probe.Clock
	Logger    *zap.Logger
	States    States
	// Attributes tells which attributes a resource has. Nil means all but
	// process.command_args.
	Attributes func(name string) bool
	// Max is how many processes are known at a time, those that have ended
	// included.
	Max int
	// Linger is how long a process that has ended is known.
	Linger time.Duration
	// Proc is where the proc file system is; empty means /proc.
	Proc string
}

// Table knows the selected processes. Lookup is safe for concurrent use with
// all other methods.
type Table struct {
	opts     Options
	fs       procFS
	overflow atomic.Uint64

	// reading is held while /proc is read and decisions are made. It guards
	// the fields up to mu, and comes before it.
	reading  sync.Mutex
	owners   owners
	binaries goBinaries
	cgroups  map[CgroupID]string // by cgroup ID, to serve processes that are gone
	scanning *listeners          // shared by one pass over /proc

	mu       sync.RWMutex
	entries  map[key]*entry
	latest   map[uint32]*entry // by PID
	rejected map[key]struct{}
	exited   []*entry // in the order of their exits
}

// key tells a process from all others that ever had its PID.
type key struct {
	pid  uint32
	tick uint64
}

func keyFor(pid uint32, start uint64) key { return key{pid, start / tick} }

// decided gives the decision on a process whose entry is nil when it is not selected.
func (e *entry) decided() Decision {
	if e == nil {
		return Decision{}
	}
	return e.decision
}

type entry struct {
	key      key
	info     *probe.ProcessInfo
	id       *identity
	decision Decision
	read     uint64 // boot time at which the identity was found out
	exited   uint64 // boot time, 0 while it runs
}

// maxRejected bounds what is remembered of processes that are not selected,
// at about 1 MB.
const maxRejected = 16384

// NewTable makes an empty table.
func NewTable(o Options) *Table {
	if o.Attributes == nil {
		o.Attributes = func(name string) bool { return name != "process.command_args" }
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return &Table{
		opts: o, fs: procFS(o.Proc),
		owners: make(owners), binaries: make(goBinaries), cgroups: make(map[CgroupID]string),
		entries: make(map[key]*entry), latest: make(map[uint32]*entry), rejected: make(map[key]struct{}),
	}
}

// Lookup implements [probe.Processes].
func (t *Table) Lookup(pid uint32, start uint64) *probe.ProcessInfo {
	t.mu.RLock()
	e, known := t.find(pid, start)
	t.mu.RUnlock()
	if !known {
		t.reading.Lock()
		e = t.resolve(pid, start, 0)
		t.reading.Unlock()
	}
	if e == nil {
		return nil
	}
	return e.info
}

// Recent returns the process that has the PID, or had it last, or nil when it is not selected
// or not known. It is for events that do not tell when the process began.
func (t *Table) Recent(pid uint32) *probe.ProcessInfo {
	if p := t.Lookup(pid, 0); p != nil {
		return p
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e := t.latest[pid]; e != nil {
		return e.info
	}
	return nil
}

// find gives the entry, or nil for one that is known to be rejected. It needs
// mu, for reading at least.
func (t *Table) find(pid uint32, start uint64) (e *entry, known bool) {
	if start == 0 {
		// The one that runs now may have taken the PID of a known one.
		e = t.latest[pid]
		if e == nil || e.exited != 0 {
			return nil, false
		}
		return e, true
	}
	k := keyFor(pid, start)
	if e, known = t.entries[k]; known {
		return e, true
	}
	_, known = t.rejected[k]
	return nil, known
}

func (t *Table) known(pid uint32, start uint64) (*entry, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.find(pid, start)
}

// Selected tells whether the process is one that is selected and runs, as far as is known.
func (t *Table) Selected(pid uint32, start uint64) bool {
	e, _ := t.known(pid, start)
	return e != nil && e.exited == 0
}

// Renew makes the decision on a process known to States again, after these were changed
// otherwise, and decides on processes that were not seen meanwhile. now is kernel boot time, ns.
func (t *Table) Renew(pid uint32, start, now uint64) error {
	t.Sweep(now) // it may have ended, and nobody told
	if e, _ := t.known(pid, start); e != nil && e.exited == 0 {
		t.reading.Lock()
		t.opts.States.Set(pid, start, e.decision, 0)
		t.reading.Unlock()
	}
	return t.Scan()
}

// store makes the decision on a process known. It gives nil when the process
// is not selected, or there is no space.
func (t *Table) store(id *identity, d Decision, read uint64) *entry {
	var e *entry
	if d.Selected {
		e = &entry{key: keyFor(id.pid, id.start), id: id, decision: d, read: read, info: t.info(id, d)}
		// They may be long, and are in the resource if they are wanted.
		id.args = nil
	}
	k := keyFor(id.pid, id.start)
	t.mu.Lock()
	defer t.mu.Unlock()
	if e == nil {
		t.remove(t.entries[k])
		t.reject(k)
		return nil
	}
	delete(t.rejected, k)
	for t.entries[k] == nil && len(t.entries) >= t.opts.Max {
		if !t.evict() {
			t.overflow.Add(1)
			return nil
		}
	}
	t.entries[k] = e
	if old := t.latest[id.pid]; old == nil || old.key.tick <= k.tick {
		t.latest[id.pid] = e
	}
	return e
}

func (t *Table) reject(k key) {
	if len(t.rejected) >= maxRejected {
		clear(t.rejected)
	}
	t.rejected[k] = struct{}{}
}

// remove forgets an entry. It needs mu.
func (t *Table) remove(e *entry) {
	if e == nil {
		return
	}
	if t.entries[e.key] == e {
		delete(t.entries, e.key)
	}
	if t.latest[e.key.pid] == e {
		delete(t.latest, e.key.pid)
	}
}

// evict forgets the process that ended first. It needs mu.
func (t *Table) evict() bool {
	if len(t.exited) == 0 {
		return false
	}
	t.remove(t.exited[0])
	t.exited[0] = nil
	t.exited = t.exited[1:]
	return true
}

// Tick forgets processes that ended a while ago. now is kernel boot time, ns.
func (t *Table) Tick(now uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.exited) > 0 && t.exited[0].exited+uint64(t.opts.Linger) <= now {
		t.evict()
	}
}

// Len is the number of selected processes that run, as far as is known.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := 0
	for _, e := range t.entries {
		if e.exited == 0 {
			n++
		}
	}
	return n
}

// Overflow counts the processes that there was no space for.
func (t *Table) Overflow() uint64 { return t.overflow.Load() }

func (t *Table) info(id *identity, d Decision) *probe.ProcessInfo {
	service := id.serviceName(d)
	return &probe.ProcessInfo{
		PID: id.pid, StartTime: id.start, Resource: id.resource(&t.opts.Host, service, t.opts.Attributes),
		Executable: id.exe, ServiceName: service, GoRuntime: id.goVersion != "", Forbidden: d.forbidden(),
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"fmt"
	"slices"
)

// Handle takes what the kernel reported, in its order, and fills in what the
// table knows of it.
func (t *Table) Handle(e *Event) {
	t.reading.Lock()
	defer t.reading.Unlock()
	switch e.Kind {
	case Exec:
		t.exec(e)
	case Exit:
		t.exit(e)
	case Fork:
		t.fork(e)
	case Listen:
		t.listen(e)
	}
}

func (t *Table) exec(e *Event) {
	if known, _ := t.known(e.PID, e.Start); known != nil && known.read > e.Time && known.id.exe != "" {
		// It was looked at after this exec. Had it ended by then, the record knows more.
		t.opts.States.Set(e.PID, e.Start, known.decision, e.Time)
		e.Process, e.Cgroup = known.info, known.id.mainCgroup
		return
	}
	read := t.opts.Clock.Now()
	id, alive := t.ofExec(e)
	e.Cgroup = id.mainCgroup
	if alive && t.opts.Selection.NeedsPorts() {
		id.ports = t.ports(e.PID) // inherited ones
	}
	d := t.opts.Selection.Decide(id.candidate())
	t.opts.States.Set(e.PID, e.Start, d, e.Time)
	if d.Selected {
		if alive {
			t.details(id)
		} else {
			// An environment is mostly that of the parent.
			id.env = t.parentEnvironment(e)
			id.goVersion = t.binaries.version(id.exe)
		}
	}
	if stored := t.store(id, d, read); stored != nil {
		e.Process = stored.info
	}
}

func (t *Table) parentEnvironment(e *Event) environment {
	if parent, _ := t.known(e.ParentPID, e.ParentStart); parent != nil {
		return parent.id.env
	}
	return t.environment(e.ParentPID)
}

func (t *Table) exit(e *Event) {
	entry, known := t.known(e.PID, e.Start)
	if !known {
		entry = t.unseen(e)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.rejected, keyFor(e.PID, e.Start))
	if entry == nil {
		return
	}
	e.Process, e.Cgroup = entry.info, entry.id.mainCgroup
	if entry.exited == 0 {
		entry.exited = max(e.Time, 1)
		t.exited = append(t.exited, entry)
	}
}

// unseen decides on a process that ends before anything was known of it: one
// that was only forked, or whose exec was lost.
func (t *Table) unseen(e *Event) *entry {
	id := &identity{
		pid: e.PID, parent: e.ParentPID, start: e.Start, created: t.opts.Clock.Time(e.Start), comm: e.Comm,
		uid: e.UID, euid: e.EUID, owner: t.owners.name(e.EUID), cgroup: t.cgroups[e.CgroupID],
	}
	// Without an exec it is what its parent is. A name of its own tells that
	// there was one, or that the process was handed to another parent.
	parent, _ := t.known(e.ParentPID, e.ParentStart)
	if parent != nil && parent.id.comm == e.Comm {
		id.like(parent.id)
		return t.store(id, parent.decision, t.opts.Clock.Now())
	}
	id.setCgroup(id.cgroup)
	d := t.opts.Selection.Decide(id.candidate())
	// The kernel knows better, from the parents that it had.
	d.Selected = d.Selected || e.Captured
	return t.store(id, d, t.opts.Clock.Now())
}

// fork passes the decision on a parent to a child that was forked before the
// parent was decided on. Who the child is is found out when somebody asks.
func (t *Table) fork(e *Event) {
	parent, known := t.known(e.ParentPID, e.ParentStart)
	if !known {
		parent = t.resolve(e.ParentPID, e.ParentStart, 0)
	}
	t.opts.States.Set(e.PID, e.Start, parent.decided(), e.Time)
}

func (t *Table) listen(e *Event) {
	old, known := t.known(e.PID, e.Start)
	if !known {
		old = t.resolve(e.PID, e.Start, 0)
	}
	read := t.opts.Clock.Now()
	st, err := t.fs.stat(e.PID)
	if err != nil || st.start/tick != e.Start/tick {
		return // gone; its exit takes it out of the kernel's map
	}
	id := t.facts(e.PID, e.Start, st)
	id.ports = t.ports(e.PID)
	if e.Port != 0 && !slices.Contains(id.ports, e.Port) {
		id.ports = append(id.ports, e.Port)
	}
	c := id.candidate()
	d := t.opts.Selection.Decide(c)
	if old != nil && !t.opts.Selection.excludes(c) && !t.opts.Selection.better(d, old.decision) {
		// A server that has changed its title stays what it was.
		d = old.decision
	}
	t.opts.States.Set(e.PID, e.Start, d, e.Time)
	if old != nil && d == old.decision {
		return
	}
	if d.Selected {
		t.details(id)
	}
	t.store(id, d, read)
}

// Scan decides on the processes that run already. Call it after the kernel has
// begun to report, so that those which start meanwhile are not missed.
func (t *Table) Scan() error {
	t.reading.Lock()
	defer t.reading.Unlock()
	// A child forked by a process before that was decided on is found in the
	// next pass. What is forked after the second pass inherits a decision.
	for range 2 {
		pids, err := t.fs.pids()
		if err != nil {
			return fmt.Errorf("list processes: %w", err)
		}
		slices.Sort(pids)
		t.scanning = &listeners{fs: t.fs}
		for _, pid := range pids {
			t.scan(pid)
		}
		t.scanning = nil
	}
	return nil
}

func (t *Table) scan(pid uint32) {
	st, err := t.fs.stat(pid)
	if err != nil {
		return
	}
	if _, known := t.known(pid, st.start); known {
		return
	}
	e := t.resolve(pid, st.start, 0)
	t.opts.States.Set(pid, st.start, e.decided(), 0)
	// One that ended meanwhile must not leave its decision to a successor.
	if again, err := t.fs.stat(pid); err != nil || again.start != st.start {
		t.opts.States.Set(pid, st.start, Decision{Selected: t.opts.Selection.All()}, 0)
	}
}

// Sweep forgets processes whose exit was lost. It reads all of /proc, so call
// it only when something was lost. now is kernel boot time, ns.
func (t *Table) Sweep(now uint64) {
	t.mu.RLock()
	var running []*entry
	for _, e := range t.entries {
		if e.exited == 0 {
			running = append(running, e)
		}
	}
	t.mu.RUnlock()
	for _, e := range running {
		if st, err := t.fs.stat(e.key.pid); err == nil && st.start/tick == e.key.tick {
			continue
		}
		t.mu.Lock()
		if e.exited == 0 {
			e.exited = now
			t.exited = append(t.exited, e)
		}
		t.mu.Unlock()
	}
}

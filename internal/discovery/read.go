// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"path/filepath"
	"slices"
	"strings"

	"go.uber.org/zap"
)

const (
	kernelThread = 0x00200000 // PF_KTHREAD of linux/sched.h
	maxDepth     = 16         // of parents that are looked at for one process
)

// resolve finds out who a process is and decides on it. It gives nil when the
// process is gone, another one, or not selected. It needs reading.
func (t *Table) resolve(pid uint32, start uint64, depth int) *entry {
	// Another goroutine may have been faster.
	if e, known := t.known(pid, start); known {
		return e
	}
	read := t.opts.Clock.Now()
	st, err := t.fs.stat(pid)
	if err != nil || start != 0 && st.start/tick != start/tick {
		return nil
	}
	if start == 0 {
		if e, known := t.known(pid, st.start); known {
			return e
		}
		start = st.start
	}
	if st.flags&kernelThread != 0 {
		return t.store(&identity{pid: pid, start: start}, Decision{}, read)
	}
	id := t.facts(pid, start, st)
	if t.opts.Selection.NeedsPorts() {
		id.ports = t.ports(pid)
	}
	if id.exe == "" && st.flags&forkNoExec != 0 {
		// It ended and waits for its parent, whose executable it has.
		if parent, _ := t.known(st.parent, 0); parent != nil && parent.id.comm == st.comm {
			id.like(parent.id)
		}
	}
	c := id.candidate()
	d := t.opts.Selection.Decide(c)
	if !d.Selected && st.flags&forkNoExec != 0 && !t.opts.Selection.excludes(c) {
		d = t.inherited(st.parent, pid, depth)
	}
	if d.Selected && !id.inherits {
		t.details(id)
	}
	return t.store(id, d, read)
}

// inherited is the decision on a child that has not called exec: the kernel
// observes it as its parent.
func (t *Table) inherited(parent, pid uint32, depth int) Decision {
	if depth < maxDepth && parent != 0 {
		if e := t.resolve(parent, 0, depth+1); e != nil {
			return e.decision
		}
	}
	// Its parent is gone: all that is left is what the kernel copied.
	return Decision{Selected: t.opts.States.Selected(pid)}
}

// ports lists the TCP ports that a process listens on.
func (t *Table) ports(pid uint32) []uint16 {
	if t.scanning != nil {
		return t.scanning.ports(pid)
	}
	return (&listeners{fs: t.fs}).ports(pid)
}

// facts reads what decisions depend on. What cannot be read stays empty.
func (t *Table) facts(pid uint32, start uint64, st procStat) *identity {
	id := &identity{
		pid: pid, parent: st.parent, start: start, created: t.opts.Clock.Time(start),
		comm: st.comm, exe: t.fs.exe(pid), args: t.fs.args(pid),
	}
	if s, err := t.fs.status(pid); err == nil {
		id.uid, id.euid, id.innerPID = s.uid, s.euid, s.innerPID
		id.owner = t.owners.name(s.euid)
	}
	id.setCgroup(t.fs.cgroup(pid))
	return id
}

// details reads what only the resource of a selected process needs.
func (t *Table) details(id *identity) {
	id.env = t.environment(id.pid)
	id.goVersion = t.binaries.version(t.fs.path(id.pid, "exe"))
}

func (t *Table) environment(pid uint32) environment {
	env, err := parseEnviron(t.fs.environ(pid))
	if err != nil {
		t.opts.Logger.Debug("Ignored the environment of a process.", zap.Uint32("pid", pid), zap.Error(err))
	}
	return env
}

// ofExec is the identity after an exec: from /proc if that still shows the same
// image, else from the record and from what the process shares with its parent.
func (t *Table) ofExec(e *Event) (id *identity, alive bool) {
	st, err := t.fs.stat(e.PID)
	if err == nil && st.start/tick == e.Start/tick {
		id = t.facts(e.PID, e.Start, st)
		if id.exe != "" && (st.comm == e.Comm || startsWith(id.args, e.Args)) {
			if id.cgroup == "" { // it was reaped meanwhile
				id.setCgroup(t.likelyCgroup(e))
			}
			t.keepCgroup(e.CgroupID, id.cgroup)
			return id, true
		}
	}
	id = &identity{
		pid: e.PID, parent: e.ParentPID, start: e.Start, created: t.opts.Clock.Time(e.Start), comm: e.Comm,
		args: slices.Clone(e.Args), uid: e.UID, euid: e.EUID, owner: t.owners.name(e.EUID),
	}
	id.setCgroup(t.likelyCgroup(e))
	id.exe = e.Interpreter
	// Other mount namespaces have other links.
	if id.container == "" && filepath.IsAbs(id.exe) {
		if path, err := filepath.EvalSymlinks(id.exe); err == nil {
			id.exe = path
		}
	}
	return id, false
}

// likelyCgroup is the cgroup text of a process that is gone: that of another
// process in the same control group, else its parent's.
func (t *Table) likelyCgroup(e *Event) string {
	if text, ok := t.cgroups[e.CgroupID]; ok {
		return text
	}
	return t.fs.cgroup(e.ParentPID)
}

// maxCgroups bounds the memory at some MB.
const maxCgroups = 4096

func (t *Table) keepCgroup(id CgroupID, text string) {
	if text == "" || t.cgroups[id] == text {
		return
	}
	if len(t.cgroups) >= maxCgroups {
		clear(t.cgroups)
	}
	t.cgroups[id] = text
}

// startsWith compares, but for the last argument of the record, which may be cut.
func startsWith(args, record []string) bool {
	if len(record) == 0 || len(args) < len(record) {
		return false
	}
	last := len(record) - 1
	return slices.Equal(args[:last], record[:last]) && strings.HasPrefix(args[last], record[last])
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Kind tells what happened to a process.
type Kind uint8

// The kinds of [Event]; values as in bpf/include/process.h.
const (
	Exec   Kind = 1 // it runs another executable
	Exit   Kind = 2 // its last thread ended
	Fork   Kind = 3 // it was forked by one that is not decided on yet
	Listen Kind = 4 // it listens on a TCP port
)

// CgroupID tells a set of control groups from others: by the number of the one in
// the unified hierarchy and of the one in the hierarchy of version 1 that
// [MainHierarchy] found. Each is the inode number of the group's folder, or 0.
type CgroupID struct{ V2, V1 uint64 }

// Event is something that happened to a process. It is valid only during the
// call that hands it on, but for what Process points to.
type Event struct {
	Kind Kind
	// Process is nil when the process is not selected. [Table] fills it in.
	Process *probe.ProcessInfo
	// Time, Start (of the process) and ParentStart are in kernel boot time, ns.
	Time, Start, ParentStart uint64
	PID, ParentPID           uint32
	UID, EUID                uint32 // real and effective user
	CgroupID                 CgroupID
	Comm                     string
	// Captured tells that the kernel knew the process as selected, not only as
	// undecided.
	Captured bool

	// Filename is what was given to execve, Interpreter what is really executed:
	// they differ for a script. Only for Exec.
	Filename, Interpreter string
	// Args are the arguments, cut after some hundred bytes if ArgsCut.
	Args    []string
	ArgsCut bool
	// Cgroup is the process's control group, as the one line of /proc/PID/cgroup
	// that tells most, or empty when the process was gone before that was read.
	// [Table] fills it in.
	Cgroup string

	// Status is as wait(2) gives it. Only for Exit.
	Status uint32
	// Port is the TCP port, 0 when the kernel had yet to choose one. Only for
	// Listen.
	Port uint16
}

// ExitCode is what the process gave to exit(2), when Signal is 0.
func (e *Event) ExitCode() int { return int(e.Status >> 8 & 0xff) }

// Signal is the number of the signal that ended the process, or 0.
func (e *Event) Signal() int { return int(e.Status & 0x7f) }

// CoreDumped tells that the kernel wrote a core dump.
func (e *Event) CoreDumped() bool { return e.Status&0x80 != 0 }

// RunTime is how long the process lived, from its fork to Time.
func (e *Event) RunTime() time.Duration { return time.Duration(e.Time - e.Start) }

// Events is the Daemon that hands on what happens to processes. Its dependents
// find it by type assertion.
type Events interface {
	// Subscribe has fn called for each exec and exit, also of processes that
	// are not selected, on the Daemon's goroutine. Call what it returns to end
	// that, when the goroutine does not run.
	Subscribe(fn func(*Event)) (cancel func())
	// Lost counts the events of a kind that did not reach user space, by cause.
	Lost(Kind) [probe.NumCauses]uint64
}

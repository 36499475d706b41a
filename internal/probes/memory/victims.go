// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package memory

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Event is the name of the records.
const Event = "ebpf.process.oom_kill"

// Attributes that the semantic conventions have no name for.
const (
	attrCgroup      = "ebpf.oom.cgroup"
	attrAnon        = "ebpf.oom.rss.anonymous"
	attrFile        = "ebpf.oom.rss.file"
	attrShmem       = "ebpf.oom.rss.shared"
	attrVirtual     = "ebpf.oom.virtual"
	attrScore       = "ebpf.oom.score_adj"
	attrTrigger     = "ebpf.oom.trigger.pid"
	attrTriggerName = "ebpf.oom.trigger.name"
	attrTriggerExe  = "ebpf.oom.trigger.executable.path"
)

// victims are records that wait until it is known whom they are about.
type victims struct {
	waiting             inkernel.Deferred[objectOomEvent]
	delivered, filtered uint64
	malformed           uint64
}

// cgroupOf is the path of the control group that has the victim's memory.
func cgroupOf(e *objectOomEvent) string {
	var names []string
	for i := range e.Cgroup {
		if name := text(e.Cgroup[i][:]); name != "" {
			names = append(names, name)
		}
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/")
}

func (v *victims) handle(record []byte) {
	var e objectOomEvent
	if len(record) < int(unsafe.Sizeof(e)) {
		v.malformed++
		return
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&e)), unsafe.Sizeof(e)), record)
	v.waiting.Add(&e)
}

// report makes the record, if the victim is known.
func (i *Instrument) report(e *objectOomEvent) bool {
	if !i.cfg.OOMKills {
		i.victims.filtered++
		return true
	}
	p := i.set.Processes.Lookup(e.Tgid, e.Start)
	if p == nil {
		return false
	}
	r := i.set.Emit.LogRecord(p)
	r.SetTimestamp(i.set.Clock.Timestamp(e.Time))
	r.SetObservedTimestamp(i.set.Clock.Timestamp(i.set.Clock.Now()))
	fill(r, e, p, i.set.Processes.Lookup(e.Trigger, e.TriggerStart))
	i.victims.delivered++
	return true
}

// fill writes the record. trigger is nil when it is not observed.
func fill(r plog.LogRecord, e *objectOomEvent, p, trigger *probe.ProcessInfo) {
	page := int64(os.Getpagesize())
	r.SetEventName(Event)
	r.SetSeverityNumber(plog.SeverityNumberError)
	r.SetSeverityText(plog.SeverityNumberError.String())
	m := r.Attributes()
	m.EnsureCapacity(14)
	m.PutInt("process.pid", int64(e.Tgid))
	name := text(e.Comm[:])
	if p.Executable != "" {
		name = path.Base(p.Executable)
		m.PutStr("process.executable.path", p.Executable)
	}
	m.PutStr("process.executable.name", name)
	m.PutInt("process.user.id", int64(e.Uid))
	m.PutStr(attrCgroup, cgroupOf(e))
	m.PutInt(attrAnon, e.Anon*page)
	m.PutInt(attrFile, e.File*page)
	m.PutInt(attrShmem, e.Shmem*page)
	m.PutInt(attrVirtual, int64(e.Total)*page)
	m.PutInt(attrScore, int64(e.ScoreAdj))
	m.PutInt(attrTrigger, int64(e.Trigger))
	m.PutStr(attrTriggerName, text(e.TriggerComm[:]))
	if trigger != nil && trigger.Executable != "" {
		m.PutStr(attrTriggerExe, trigger.Executable)
	}
	resident := (e.Anon + e.File + e.Shmem) * page >> 20
	by := fmt.Sprintf("process %d (%s)", e.Trigger, text(e.TriggerComm[:]))
	if e.Trigger == e.Tgid {
		by = "itself"
	}
	r.Body().SetStr(fmt.Sprintf("The out-of-memory killer chose process %d (%s), which had %d MiB; %s asked for memory.", e.Tgid, name, resident, by))
}

// text is a string that ends at the first zero.
func text(c []int8) string {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(c))), len(c))
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

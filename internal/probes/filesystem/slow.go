// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package filesystem

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/errname"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

// Event is the name of the records.
const Event = "ebpf.filesystem.slow_operation"

// Attributes of records. The semantic conventions have file.path, thread.id and error.type.
const (
	attrDuration = "ebpf.filesystem.duration"
	attrSize     = "ebpf.filesystem.size"
)

// records are those that wait until it is known whom they are about.
type records struct {
	waiting   inkernel.Deferred[objectFileSlow]
	delivered uint64
	malformed uint64
}

// handle takes a record, which may end before the path.
func (r *records) handle(record []byte) {
	var e objectFileSlow
	if len(record) < int(unsafe.Offsetof(e.Path)) {
		r.malformed++
		return
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&e)), unsafe.Sizeof(e)), record)
	r.waiting.Add(&e)
}

// report makes the record, if the process is known.
func (i *Instrument) report(e *objectFileSlow) bool {
	p := i.set.Processes.Lookup(e.Tgid, e.Start)
	if p == nil {
		return false
	}
	r := i.set.Emit.LogRecord(p)
	r.SetTimestamp(i.set.Clock.Timestamp(e.End))
	r.SetObservedTimestamp(i.set.Clock.Timestamp(i.set.Clock.Now()))
	fill(r, e, i.names)
	i.slow.delivered++
	return true
}

// fill writes the record.
func fill(r plog.LogRecord, e *objectFileSlow, n *names) {
	r.SetEventName(Event)
	r.SetSeverityNumber(plog.SeverityNumberWarn)
	r.SetSeverityText(plog.SeverityNumberWarn.String())
	m := r.Attributes()
	m.EnsureCapacity(9)
	m.PutInt("process.pid", int64(e.Tgid))
	m.PutInt("thread.id", int64(e.Tid))
	op, took := operation(e.Op), time.Duration(e.Duration)
	m.PutStr(attrOperation, op)
	m.PutDouble(attrDuration, took.Seconds())
	on := ""
	if e.Device != 0 {
		m.PutStr(attrDevice, n.devices.Of(e.Device))
		m.PutStr(attrType, text(e.Type[:]))
		on = fmt.Sprintf(" on %s (%s)", n.devices.Of(e.Device), text(e.Type[:]))
	}
	file := "a file"
	if path := pathOf(e); path != "" {
		m.PutStr("file.path", path)
		file = path
	}
	verb, outcome := map[string]string{"read": "Reading", "write": "Writing", "open": "Opening", "sync": "Syncing"}[op], ""
	switch {
	case e.Result < 0:
		name := errname.Of(uint32(-e.Result))
		m.PutStr("error.type", name)
		outcome = " and failed with " + name
	case op == "read" || op == "write":
		m.PutInt(attrSize, e.Result)
	}
	r.Body().SetStr(fmt.Sprintf("%s %s%s took %s%s.", verb, file, on, took.Round(time.Microsecond), outcome))
}

// pathOf is the path of the file as the kernel sees it, from the root of its mounts; what
// did not fit is told by "…" at its beginning. Empty if it was not asked for.
func pathOf(e *objectFileSlow) string {
	if e.Levels == 0 {
		return ""
	}
	var parts []string
	for i := range min(int(e.Levels), len(e.Path)) {
		parts = append(parts, text(e.Path[i][:]))
	}
	slices.Reverse(parts)
	root := "/"
	if e.Cut != 0 {
		root = "…/"
	}
	return root + strings.Join(parts, "/")
}

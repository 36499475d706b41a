// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tcp

import (
	"fmt"
	"net/netip"
	"path"
	"time"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/errname"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

// eventFailed is the name of the records.
const eventFailed = "ebpf.tcp.connect.failed"

// attrDuration: the conventions have no name for how long an event took.
const attrDuration = "ebpf.tcp.connect.duration"

// failures makes log records of connections that could not be opened.
type failures struct {
	waiting              inkernel.Deferred[objectTcpFailure]
	delivered, malformed uint64
}

func (f *failures) handle(record []byte) {
	var e objectTcpFailure
	if len(record) < int(unsafe.Sizeof(e)) {
		f.malformed++
		return
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&e)), unsafe.Sizeof(e)), record)
	f.waiting.Add(&e)
}

// report makes the record, if the process is known.
func (i *Instrument) report(e *objectTcpFailure) bool {
	p := i.set.Processes.Lookup(e.Tgid, e.Start)
	if p == nil {
		return false
	}
	r := i.set.Emit.LogRecord(p)
	r.SetTimestamp(i.set.Clock.Timestamp(e.Time))
	r.SetObservedTimestamp(i.set.Clock.Timestamp(i.set.Clock.Now()))
	r.SetEventName(eventFailed)
	r.SetSeverityNumber(plog.SeverityNumberWarn)
	r.SetSeverityText(plog.SeverityNumberWarn.String())
	d := dims{Addr: e.Dims.Addr, Port: e.Dims.Port, Family: e.Dims.Family, Role: e.Dims.Role}
	m := r.Attributes()
	i.attributes(m, &d, "tcp")
	m.PutInt("process.pid", int64(e.Tgid))
	name := fmt.Sprintf("Process %d", e.Tgid)
	if p.Executable != "" {
		m.PutStr("process.executable.name", path.Base(p.Executable))
		m.PutStr("process.executable.path", p.Executable)
		name += " (" + path.Base(p.Executable) + ")"
	}
	took := time.Duration(e.Duration)
	m.PutStr(attrErrorType, errorName(e.Error))
	m.PutDouble(attrDuration, took.Seconds())
	how := "did not connect"
	if e.Error != 0 {
		how = "could not connect"
	}
	r.Body().SetStr(fmt.Sprintf("%s %s to %s: %s after %s.", name, how,
		netip.AddrPortFrom(d.addr(), d.Port), errorName(e.Error), took.Round(time.Microsecond)))
	i.failures.delivered++
	return true
}

// errorName is that of an error number; 0 means that the process gave up.
func errorName(n uint32) string {
	if n == 0 {
		return "cancelled"
	}
	return errname.Of(n)
}

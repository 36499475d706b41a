// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package process

import (
	"cmp"
	"fmt"
	"path"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/signame"
)

// Attributes that the semantic conventions have no name for.
const (
	attrSignal     = "ebpf.process.exit.signal"
	attrCoreDumped = "ebpf.process.exit.core_dumped"
	// attrSignalRecord is the log.record.uid of the record of the Instrument "signals".
	attrSignalRecord = "ebpf.process.exit.signal.record"
	attrRunTime      = "ebpf.process.run_time"
	attrArgsCut      = "ebpf.process.command_args.cut"
)

func fillExec(r plog.LogRecord, e *discovery.Event, arguments bool) {
	r.SetEventName("process.exec")
	setSeverity(r, plog.SeverityNumberInfo)
	r.Body().SetStr(fmt.Sprintf("Process %d executed %s.", e.PID, cmp.Or(e.Filename, processName(e))))
	m := r.Attributes()
	m.EnsureCapacity(12)
	fillCommon(m, e)
	if e.Filename != "" {
		m.PutStr("process.command", e.Filename)
	}
	if !arguments {
		return
	}
	args := m.PutEmptySlice("process.command_args")
	args.EnsureCapacity(len(e.Args))
	for _, a := range discovery.Redact(e.Args) {
		args.AppendEmpty().SetStr(a)
	}
	if e.ArgsCut {
		m.PutBool(attrArgsCut, true)
	}
}

// fillExit writes the record of an exit. death is what is known of the signal besides its number, or nil.
func fillExit(r plog.LogRecord, e *discovery.Event, death *discovery.Death) {
	r.SetEventName("process.exit")
	m := r.Attributes()
	m.EnsureCapacity(18)
	fillCommon(m, e)
	m.PutDouble(attrRunTime, e.RunTime().Seconds())
	who := fmt.Sprintf("Process %d (%s)", e.PID, processName(e))
	after := e.RunTime().Round(time.Millisecond)
	signal := e.Signal()
	if signal == 0 {
		setSeverity(r, plog.SeverityNumberInfo)
		m.PutInt("process.exit.code", int64(e.ExitCode()))
		r.Body().SetStr(fmt.Sprintf("%s exited with code %d after %s.", who, e.ExitCode(), after))
		return
	}
	name := signame.Of(signal)
	setSeverity(r, signame.Severity(signal))
	m.PutStr(attrSignal, name)
	m.PutBool(attrCoreDumped, e.CoreDumped())
	dumped, how := "", ""
	if death != nil {
		how = death.How
		m.PutStr(attrSignalRecord, death.Record)
		for k, v := range death.Attributes.All() {
			v.CopyTo(m.PutEmpty(k))
		}
	}
	if e.CoreDumped() {
		dumped = " and dumped core"
	}
	r.Body().SetStr(fmt.Sprintf("%s was ended by %s%s%s after %s.", who, name, how, dumped, after))
}

func fillCommon(m pcommon.Map, e *discovery.Event) {
	m.PutInt("process.pid", int64(e.PID))
	m.PutInt("process.parent_pid", int64(e.ParentPID))
	if exe := e.Process.Executable; exe != "" {
		m.PutStr("process.executable.path", exe)
	}
	m.PutStr("process.executable.name", processName(e))
	m.PutInt("process.user.id", int64(e.EUID))
	m.PutInt("process.real_user.id", int64(e.UID))
	if owner, ok := e.Process.Resource.Attributes().Get("process.owner"); ok {
		m.PutStr("process.owner", owner.Str())
	}
	if e.Cgroup != "" {
		m.PutStr("process.linux.cgroup", e.Cgroup)
	}
}

func processName(e *discovery.Event) string {
	if e.Process.Executable != "" {
		return path.Base(e.Process.Executable)
	}
	return e.Comm
}

func setSeverity(r plog.LogRecord, n plog.SeverityNumber) {
	r.SetSeverityNumber(n)
	r.SetSeverityText(n.String())
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Emitter takes telemetry, groups it by resource and sends it on in batches.
// It is bound to one probe and used on that probe's goroutine only. More
// methods may be added: embed it in fakes.
type Emitter interface {
	// Span returns a new, empty span under the resource of p. The caller fills
	// it in before its next call of the Emitter.
	Span(p *ProcessInfo) ptrace.Span
	// LogRecord returns a new, empty log record under the resource of p.
	LogRecord(p *ProcessInfo) plog.LogRecord
	// Metric returns a new, empty metric under the resource of p.
	Metric(p *ProcessInfo) pmetric.Metric
}

// ProcessInfo is one process, from its exec to its exit. There is one value
// for each, so that its address can serve as its identity. It is read-only
// for all but the Daemon that follows processes.
type ProcessInfo struct {
	PID uint32
	// StartTime is the start of the process in kernel boot time, ns.
	StartTime uint64
	// Resource is the process's OpenTelemetry resource. Copy it, do not change it.
	Resource pcommon.Resource
	// Executable is the path of the executable as its process sees it.
	Executable string
	// ServiceName is the resource attribute of that name.
	ServiceName string
	// GoRuntime tells that it is a Go program, which moves a request between threads.
	GoRuntime bool
	// Forbidden has a bit for each protocol that the configuration does not want of it, by
	// the numbers of enum proto of bpf/include/proto.h. The Daemon "socket" heeds it.
	Forbidden uint32
}

// Processes knows the selected processes. It is safe for concurrent use.
type Processes interface {
	// Lookup returns the process, also some time after its exit, or nil when
	// it is not selected or not known. start is in kernel boot time, ns; 0 means
	// the one that runs now.
	Lookup(pid uint32, start uint64) *ProcessInfo
}

// Clock converts kernel boot time (bpf_ktime_get_boot_ns) to wall-clock time.
type Clock interface {
	// Time converts boot time in ns.
	Time(boot uint64) time.Time
	// Timestamp converts boot time in ns. Unlike Time it does not allocate.
	Timestamp(boot uint64) pcommon.Timestamp
	// Now is the boot time now, in ns.
	Now() uint64
}

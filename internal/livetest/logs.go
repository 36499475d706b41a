// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package livetest

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Logs is a [probe.Emitter] that keeps log records. It is not safe for
// concurrent use; other signals panic.
type Logs struct {
	probe.Emitter
	Records []Log
}

// Log is one record with its resource.
type Log struct {
	plog.LogRecord
	Process  *probe.ProcessInfo
	Resource map[string]any
}

// Attr is the attribute of that name, or nil.
func (l Log) Attr(name string) any {
	v, ok := l.Attributes().Get(name)
	if !ok {
		return nil
	}
	return v.AsRaw()
}

// LogRecord implements [probe.Emitter].
func (l *Logs) LogRecord(p *probe.ProcessInfo) plog.LogRecord {
	r := plog.NewLogRecord()
	l.Records = append(l.Records, Log{r, p, rawResource(p.Resource)})
	return r
}

func rawResource(r pcommon.Resource) map[string]any { return r.Attributes().AsRaw() }

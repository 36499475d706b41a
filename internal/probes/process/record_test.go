// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package process

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

func TestExitRecord(t *testing.T) {
	info := &probe.ProcessInfo{PID: 42, Executable: "/usr/sbin/nginx", Resource: pcommon.NewResource()}
	info.Resource.Attributes().PutStr("process.owner", "www-data")
	e := &discovery.Event{
		Kind: discovery.Exit, Process: info, PID: 42, ParentPID: 1, UID: 33, EUID: 0, Start: 1e9, Time: 3.5e9,
		Status: 11 | 0x80, Cgroup: "0::/a",
	}
	r := plog.NewLogRecord()
	fillExit(r, e, nil)
	assert.Equal(t, "process.exit", r.EventName())
	assert.Equal(t, plog.SeverityNumberError, r.SeverityNumber())
	assert.Equal(t, "Error", r.SeverityText())
	assert.Equal(t, "Process 42 (nginx) was ended by SIGSEGV and dumped core after 2.5s.", r.Body().Str())
	assert.Equal(t, map[string]any{
		"process.pid": int64(42), "process.parent_pid": int64(1), "process.executable.path": "/usr/sbin/nginx",
		"process.executable.name": "nginx", "process.user.id": int64(0), "process.real_user.id": int64(33),
		"process.owner": "www-data", "process.linux.cgroup": "0::/a", attrSignal: "SIGSEGV", attrCoreDumped: true,
		attrRunTime: 2.5,
	}, r.Attributes().AsRaw())

	death := &discovery.Death{Record: "0a", Attributes: pcommon.NewMap(), How: " (SEGV_MAPERR) at the address 0x8"}
	death.Attributes.PutStr("ebpf.signal.address", "0x8")
	r = plog.NewLogRecord()
	fillExit(r, e, death)
	assert.Equal(t, "Process 42 (nginx) was ended by SIGSEGV (SEGV_MAPERR) at the address 0x8 and dumped core after 2.5s.", r.Body().Str())
	assert.Equal(t, "0a", r.Attributes().AsRaw()[attrSignalRecord])
	assert.Equal(t, "0x8", r.Attributes().AsRaw()["ebpf.signal.address"])
}

func TestExecRecordOfLittle(t *testing.T) {
	e := &discovery.Event{
		Kind: discovery.Exec, Process: &probe.ProcessInfo{Resource: pcommon.NewResource()}, PID: 42, Comm: "job",
		Args: []string{"job", "--token", "x"}, ArgsCut: true,
	}
	r := plog.NewLogRecord()
	fillExec(r, e, true)
	assert.Equal(t, "Process 42 executed job.", r.Body().Str())
	assert.Equal(t, map[string]any{
		"process.pid": int64(42), "process.parent_pid": int64(0), "process.executable.name": "job",
		"process.user.id": int64(0), "process.real_user.id": int64(0),
		"process.command_args": []any{"job", "--token", "REDACTED"}, attrArgsCut: true,
	}, r.Attributes().AsRaw())
}

func TestConfigValidate(t *testing.T) {
	require.NoError(t, defaultConfig().(*Config).Validate())
	require.ErrorIs(t, (&Config{Arguments: true}).Validate(), errNothing)
}

func TestNeedsDaemon(t *testing.T) {
	p, err := Factory().New(probe.Settings{}, defaultConfig())
	require.NoError(t, err)
	require.EqualError(t, p.Load(t.Context(), &probe.Loading{}), `the Daemon "discovery" hands on no events of processes`)
	assert.Zero(t, p.(probe.Accountant).Counts())
	_, err = Factory().New(probe.Settings{}, nil)
	require.Error(t, err)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package memory

import (
	"os"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

func put(to []int8, s string) {
	copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(to))), len(to)), s)
}

func TestRecord(t *testing.T) {
	e := objectOomEvent{Tgid: 42, Uid: 33, Anon: 1024, File: 2, Total: 4096, ScoreAdj: -5, Trigger: 7}
	put(e.Comm[:], "java")
	put(e.TriggerComm[:], "dd")
	put(e.Cgroup[0][:], "inner")
	put(e.Cgroup[1][:], "pod")
	info := &probe.ProcessInfo{PID: 42, Resource: pcommon.NewResource()}
	r := plog.NewLogRecord()
	fill(r, &e, info, &probe.ProcessInfo{Executable: "/bin/dd"})
	page := int64(os.Getpagesize())
	assert.Equal(t, map[string]any{
		"process.pid": int64(42), "process.executable.name": "java", "process.user.id": int64(33), attrCgroup: "/pod/inner",
		attrAnon: 1024 * page, attrFile: 2 * page, attrShmem: int64(0), attrVirtual: 4096 * page, attrScore: int64(-5),
		attrTrigger: int64(7), attrTriggerName: "dd", attrTriggerExe: "/bin/dd",
	}, r.Attributes().AsRaw())
	assert.Contains(t, r.Body().Str(), "chose process 42 (java)")
	assert.Contains(t, r.Body().Str(), "process 7 (dd) asked for memory.")
	assert.Equal(t, "/", cgroupOf(&objectOomEvent{}))
}

func TestLayout(t *testing.T) {
	l := inkernel.Durations()
	assert.EqualValues(t, 8*l.Words(), unsafe.Sizeof(stallValue{}))
	var v victims
	v.handle(make([]byte, 8))
	assert.EqualValues(t, 1, v.malformed)
	require.NoError(t, DefaultConfig().Validate())
	require.Error(t, (&Config{}).Validate())
}

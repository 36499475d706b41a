// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
)

func TestWantsPerf(t *testing.T) {
	object := func(section string, attach ebpf.AttachType) *ebpf.CollectionSpec {
		return &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{
			"other": {Type: ebpf.Tracing, SectionName: "tp_btf/sched_process_exec"},
			"it":    {Type: ebpf.Kprobe, SectionName: section, AttachType: attach},
		}}
	}
	assert.True(t, wantsPerf(object("uprobe", ebpf.AttachNone)))
	assert.True(t, wantsPerf(object("uretprobe/libc.so.6:malloc", ebpf.AttachNone)))
	assert.False(t, wantsPerf(object("uprobe", ebpf.AttachTraceUprobeMulti)))
	assert.False(t, wantsPerf(object("kprobe/tcp_connect", ebpf.AttachNone)), "attached at Start")
}

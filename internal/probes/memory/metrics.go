// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package memory

import (
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

// The semantic conventions have process.paging.faults. They have nothing of reclaim.
const (
	metricFaults = "process.paging.faults"
	metricStall  = "ebpf.memory.stall.duration"

	attrFault = "system.paging.fault.type"
	attrCause = "ebpf.memory.stall.cause"
)

// The values as words: struct fault_value and struct stall_value. The dimension of faults
// is not used; that of waits is enum stall_kind.
type (
	faultValue = [2]uint64
	stallValue = [unsafe.Sizeof(objectStallValue{}) / 8]uint64
)

func faultSchema() inkernel.Schema[uint64] {
	typed := func(name string) func(pcommon.Map, *uint64) {
		return func(m pcommon.Map, _ *uint64) { m.PutStr(attrFault, name) }
	}
	const description = "Page faults of the process: major ones had to read from a device."
	return inkernel.Schema[uint64]{
		Metrics: []inkernel.Metric[uint64]{
			{Name: metricFaults, Unit: "{fault}", Description: description, Word: 0, Attributes: typed("major")},
			{Name: metricFaults, Unit: "{fault}", Description: description, Word: 1, Attributes: typed("minor")},
		},
		Events: func(w []uint64) uint64 { return w[0] + w[1] },
	}
}

func stallSchema() inkernel.Schema[uint64] {
	durations := inkernel.Durations()
	return inkernel.Schema[uint64]{
		Metrics: []inkernel.Metric[uint64]{{
			Name: metricStall, Unit: "s", Description: "Time that threads waited for the kernel to free memory.",
			Kind: inkernel.Histogram, Layout: durations,
			Attributes: func(m pcommon.Map, kind *uint64) {
				causes := [...]string{"reclaim", "cgroup_reclaim", "compaction"}
				if *kind < uint64(len(causes)) {
					m.PutStr(attrCause, causes[*kind])
				}
			},
		}},
		Events: func(w []uint64) uint64 {
			var n uint64
			for _, c := range w[1:] {
				n += c
			}
			return n
		},
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package scheduler

import (
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

// The semantic conventions have process.context_switches. They have process.cpu.time, but
// by modes that the scheduler does not know; and nothing of waiting.
const (
	metricSwitches   = "process.context_switches"
	metricOn         = "ebpf.scheduler.on_cpu.time"
	metricOff        = "ebpf.scheduler.off_cpu.time"
	metricMigrations = "ebpf.scheduler.migrations"
	metricLatency    = "ebpf.scheduler.run_queue.latency"

	attrType = "process.context_switch.type"
)

// The words of struct sched_value.
const (
	wordOn = iota
	wordOffVoluntary
	wordOffInvoluntary
	wordVoluntary
	wordInvoluntary
	wordMigrations
	wordLatency
)

// noDims: there is one series for each process.
type noDims = uint64

func schema() inkernel.Schema[noDims] {
	typed := func(name string) func(pcommon.Map, *noDims) {
		return func(m pcommon.Map, _ *noDims) { m.PutStr(attrType, name) }
	}
	voluntary, involuntary := typed("voluntary"), typed("involuntary")
	const (
		switches = "Switches from a thread of the process to another one."
		off      = "Time that threads were away from the processor, by how they left it."
	)
	return inkernel.Schema[noDims]{
		Metrics: []inkernel.Metric[noDims]{
			{Name: metricSwitches, Unit: "{context_switch}", Description: switches, Word: wordVoluntary, Attributes: voluntary},
			{Name: metricSwitches, Unit: "{context_switch}", Description: switches, Word: wordInvoluntary, Attributes: involuntary},
			{Name: metricOn, Unit: "s", Description: "Time that threads of the process were on a processor.", Kind: inkernel.Seconds64, Word: wordOn},
			{Name: metricOff, Unit: "s", Description: off, Kind: inkernel.Seconds64, Word: wordOffVoluntary, Attributes: voluntary},
			{Name: metricOff, Unit: "s", Description: off, Kind: inkernel.Seconds64, Word: wordOffInvoluntary, Attributes: involuntary},
			{Name: metricMigrations, Unit: "{migration}", Description: "Moves of threads to another processor.", Word: wordMigrations},
			{
				Name: metricLatency, Unit: "s", Description: "Time that threads that could run waited for a processor.",
				Kind: inkernel.Histogram, Word: wordLatency, Layout: inkernel.Durations(),
			},
		},
		Events: func(w []uint64) uint64 { return w[wordVoluntary] + w[wordInvoluntary] },
	}
}

// value is struct sched_value as words.
type value = [unsafe.Sizeof(objectSchedValue{}) / 8]uint64

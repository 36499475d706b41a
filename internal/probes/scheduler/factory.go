// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package scheduler

import (
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// countAwayFull is SCHED_AWAY_FULL of bpf/scheduler.bpf.c: the time that a thread was away
// is missing.
const countAwayFull = inkernel.FirstCounter

// Factory describes the Instrument.
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "scheduler",
			Kind:      probe.Instrument,
			Summary:   "Run-queue latency, time on and off the processor, switches and migrations of processes",
			Signals:   probe.Metrics,
			DependsOn: []string{inkernel.Discovery},
			Joins:     inkernel.Discovery,
			Stability: component.StabilityLevelDevelopment,
			OptIn:     true, // it looks at each switch of the host's processors
			Variants: []probe.Variant{{
				Name: "tp_btf", Spec: loadObject,
				Loses: []string{"threads of the kernel itself"},
			}},
		},
		// 8192 are 15 MiB: 4096 processes on two processors.
		DefaultConfig: func() any { return &inkernel.Config{MaxSeries: 8192} },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*inkernel.Config)
			if !ok {
				return nil, fmt.Errorf("configuration is a %T, not a %T", config, cfg)
			}
			return inkernel.NewInstrument[noDims, value](set, inkernel.Options{
				Hash: "sched_values", Size: cfg.MaxSeries,
				Incomplete: []uint32{countAwayFull},
			}, schema()), nil
		},
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package blockio

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/component"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/device"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Counters of bpf/blockio.bpf.c.
const (
	countRequestsFull = inkernel.FirstCounter + iota
	countUnknown
	countUnseen
)

// Factory describes the Instrument.
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "blockio",
			Kind:      probe.Instrument,
			Summary:   "Requests to block devices by process: latency of device and queue, sizes, errors",
			Signals:   probe.Metrics,
			DependsOn: []string{inkernel.Discovery},
			Joins:     inkernel.Discovery,
			Stability: component.StabilityLevelDevelopment,
			Variants:  variants(),
		},
		// 2048 are 10 MiB.
		DefaultConfig: func() any { return &inkernel.Config{MaxSeries: 2048} },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*inkernel.Config)
			if !ok {
				return nil, fmt.Errorf("configuration is a %T, not a %T", config, cfg)
			}
			return inkernel.NewInstrument[dims, value](set, inkernel.Options{
				Hash: "block_values", Size: cfg.MaxSeries,
				Lost: map[uint32]probe.Cause{
					countRequestsFull: probe.MapFull, countUnknown: probe.Unmatched, countUnseen: probe.Missed,
				},
				Attached: begin,
				Account: func(p *inkernel.Programs, c *probe.Counts) {
					n := unseen(p.Map("block_requests"), patience, nil)
					c.Lost[probe.Missed] += n
					c.Seen += n
				},
			}, schema(device.NewNames(device.BlockDevices))), nil
		},
	}
}

// variants are ordered by what they see. The first costs a program more for each request.
func variants() []probe.Variant {
	const (
		dirty  = "which process made the pages dirty that the kernel writes later"
		merged = "which part of a request is of another process, whose bytes were merged into it"
		flush  = "whose a request is that waits for the device to write its cache"
	)
	return []probe.Variant{
		{
			Name: "tp_btf", Spec: loadObject, Loses: []string{dirty, merged},
			Programs: []string{"blockio_start", "blockio_issue", "blockio_merge", "blockio_complete"},
		},
		{
			Name: "tp_btf_insert", Spec: loadObject, Loses: []string{dirty, merged, flush},
			Programs: []string{"blockio_insert", "blockio_issue", "blockio_merge", "blockio_complete"},
		},
		{
			Name: "raw_tp", Spec: loadObject, Loses: []string{dirty, merged, flush},
			Programs: []string{"blockio_raw_insert", "blockio_raw_issue", "blockio_raw_merge", "blockio_raw_complete"},
		},
	}
}

// patience is how long a request may take: after 30 s the block layer itself gives it up.
const patience = time.Minute

// unseen counts requests that were issued longer ago than a time: all, or those of some
// processes. The programs count those whose memory is used again.
func unseen(requests *ebpf.Map, longer time.Duration, of func(pid uint32) bool) (n uint64) {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return 0
	}
	before := uint64(now.Nano()) - uint64(longer)
	var key uint64
	var r objectBlockRequest
	for it := requests.Iterate(); it.Next(&key, &r); {
		if r.Issued != 0 && r.Issued < before && (of == nil || of(r.Owner.Tgid)) {
			n++
		}
	}
	return n
}

// begin tells from when on requests are seen from their beginning.
func begin(p *inkernel.Programs) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("read the clock: %w", err)
	}
	return p.Set("since", uint64(now.Nano()))
}

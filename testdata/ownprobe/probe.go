// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package ownprobe

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// counter counts the execs on the whole host in the kernel, and reads the
// counts at each collection. It needs no ring buffer and no other probe.
type counter struct {
	emit       probe.Emitter
	collection *ebpf.Collection
	since      pcommon.Timestamp
}

// Factory describes the probe "execs".
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "execs",
			Kind:      probe.Instrument,
			Summary:   "The number of execs on the host.",
			Signals:   probe.Metrics,
			Variants:  []probe.Variant{{Name: "raw_tracepoint", Spec: object}},
			Stability: component.StabilityLevelDevelopment,
		},
		New: func(set probe.Settings, _ any) (probe.Probe, error) { return &counter{emit: set.Emit}, nil },
	}
}

// object is mostly compiled from C by bpf2go.
func object() (*ebpf.CollectionSpec, error) {
	return &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"count": {Name: "count", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		},
		Programs: map[string]*ebpf.ProgramSpec{
			"on_exec": {
				Name: "on_exec", Type: ebpf.RawTracepoint, AttachTo: "sched_process_exec", License: "Dual BSD/GPL",
				Instructions: asm.Instructions{
					asm.StoreImm(asm.RFP, -4, 0, asm.Word),
					asm.LoadMapPtr(asm.R1, 0).WithReference("count"),
					asm.Mov.Reg(asm.R2, asm.RFP),
					asm.Add.Imm(asm.R2, -4),
					asm.FnMapLookupElem.Call(),
					asm.JEq.Imm(asm.R0, 0, "exit"),
					asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
					asm.Add.Imm(asm.R1, 1),
					asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
					asm.Mov.Imm(asm.R0, 0).WithSymbol("exit"),
					asm.Return(),
				},
			},
		},
	}, nil
}

// Load implements [probe.Probe].
func (c *counter) Load(_ context.Context, l *probe.Loading) (err error) {
	c.collection, err = l.Collection()
	return err
}

// Attach implements [probe.Probe].
func (c *counter) Attach(context.Context, probe.Target) (io.Closer, error) {
	c.since = pcommon.NewTimestampFromTime(time.Now())
	return link.AttachRawTracepoint(link.RawTracepointOptions{
		Name: "sched_process_exec", Program: c.collection.Programs["on_exec"],
	})
}

// Close implements [probe.Probe].
func (c *counter) Close() error {
	if c.collection != nil {
		c.collection.Close()
	}
	return nil
}

// Collect implements [probe.Collector].
func (c *counter) Collect(_ context.Context, now time.Time) error {
	var counts []int64
	if err := c.collection.Maps["count"].Lookup(uint32(0), &counts); err != nil {
		return fmt.Errorf("the number of execs cannot be read: %w", err)
	}
	m := c.emit.Metric(nil) // of the host, not of one process
	m.SetName("example.execs")
	m.SetUnit("{exec}")
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	point := sum.DataPoints().AppendEmpty()
	point.SetStartTimestamp(c.since)
	point.SetTimestamp(pcommon.NewTimestampFromTime(now))
	var total int64
	for _, n := range counts {
		total += n
	}
	point.SetIntValue(total)
	return nil
}

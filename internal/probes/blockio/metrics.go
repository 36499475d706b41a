// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package blockio

import (
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/device"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

// The semantic conventions have process.disk.io, system.device and disk.io.direction. They
// have no operations but reads and writes, and no latencies of single ones.
const (
	metricIO     = "process.disk.io"
	metricErrors = "ebpf.block.errors"
	metricDevice = "ebpf.block.operation.duration"
	metricQueue  = "ebpf.block.queue.duration"
	metricSize   = "ebpf.block.operation.size"

	attrDevice    = "system.device"
	attrDirection = "disk.io.direction"
	attrOperation = "ebpf.block.operation"
)

// The words of struct block_value.
const (
	wordOperations = iota
	wordBytes
	wordErrors
	wordDevice
)

// value is struct block_value as words.
type value = [unsafe.Sizeof(objectBlockValue{}) / 8]uint64

// dims are struct block_dims.
type dims struct{ Device, Op uint32 }

// Operations of include/linux/blk_types.h.
const (
	opRead    = 0
	opWrite   = 1
	opFlush   = 2
	opDiscard = 3
)

func (d *dims) operation() string {
	switch d.Op {
	case opRead:
		return "read"
	case opWrite:
		return "write"
	case opFlush:
		return "flush"
	case opDiscard:
		return "discard"
	}
	return "other"
}

func schema(devs *device.Names) inkernel.Schema[dims] {
	attributes := func(m pcommon.Map, d *dims) {
		m.PutStr(attrDevice, devs.Of(d.Device))
		m.PutStr(attrOperation, d.operation())
	}
	direction := func(m pcommon.Map, d *dims) {
		m.PutStr(attrDevice, devs.Of(d.Device))
		m.PutStr(attrDirection, d.operation())
	}
	durations, sizes := inkernel.Durations(), inkernel.Sizes()
	return inkernel.Schema[dims]{
		Metrics: []inkernel.Metric[dims]{
			{
				Name: metricIO, Unit: "By", Description: "Bytes that the process read from and wrote to devices.",
				Word: wordBytes, Skip: true, Attributes: direction,
				Only: func(d *dims) bool { return d.Op == opRead || d.Op == opWrite },
			},
			{Name: metricErrors, Unit: "{error}", Description: "Requests that failed.", Word: wordErrors, Skip: true, Attributes: attributes},
			{
				Name: metricDevice, Unit: "s", Description: "Time from the issue of a request to the device to its completion.",
				Kind: inkernel.Histogram, Word: wordDevice, Layout: durations, Attributes: attributes,
			},
			{
				Name: metricQueue, Unit: "s", Description: "Time that a request waited before it was issued to the device.",
				Kind: inkernel.Histogram, Word: wordDevice + durations.Words(), Layout: durations, Attributes: attributes,
			},
			{
				Name: metricSize, Unit: "By", Description: "Sizes of requests.",
				Kind: inkernel.Histogram, Word: wordDevice + 2*durations.Words(), Layout: sizes, Attributes: attributes,
			},
		},
		Events: func(w []uint64) uint64 { return w[wordOperations] },
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package filesystem

import (
	"bytes"
	"unsafe"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/device"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

// The semantic conventions have system.device and system.filesystem.type. They have nothing of
// operations.
const (
	metricDuration = "ebpf.filesystem.operation.duration"
	metricErrors   = "ebpf.filesystem.errors"

	attrDevice    = "system.device"
	attrType      = "system.filesystem.type"
	attrOperation = "ebpf.filesystem.operation"
)

// The words of struct file_value.
const (
	wordOperations = iota
	wordErrors
	wordDuration
)

// value is struct file_value as words.
type value = [unsafe.Sizeof(objectFileValue{}) / 8]uint64

// dims are struct file_dims.
type dims struct{ Device, Op uint32 }

// operation is the name of an enum file_op.
func operation(op uint32) string {
	names := [...]string{"", "read", "write", "open", "sync"}
	if int(op) < len(names) {
		return names[op]
	}
	return ""
}

// names knows devices and the types of what is on them.
type names struct {
	devices *device.Names
	types   *ebpf.Map
}

// typeOf is that of the filesystem on a device, or empty when the kernel's map had no space.
// It is asked each time: what has no device of its own gets a number that was another's.
func (n *names) typeOf(dev uint32) string {
	var t objectFileType
	if n.types == nil || n.types.Lookup(dev, &t) != nil {
		return ""
	}
	return text(t.Name[:])
}

// put writes the attributes of an operation. A failed open is of no device.
func (n *names) put(m pcommon.Map, d *dims) {
	m.PutStr(attrOperation, operation(d.Op))
	if d.Device == 0 {
		return
	}
	m.PutStr(attrDevice, n.devices.Of(d.Device))
	if name := n.typeOf(d.Device); name != "" {
		m.PutStr(attrType, name)
	}
}

func schema(n *names) inkernel.Schema[dims] {
	return inkernel.Schema[dims]{
		Metrics: []inkernel.Metric[dims]{
			{
				Name: metricDuration, Unit: "s", Description: "Time of operations on files, of those that took at least the threshold.",
				Kind: inkernel.Histogram, Word: wordDuration, Layout: inkernel.Durations(), Attributes: n.put,
			},
			{
				Name: metricErrors, Unit: "{error}", Description: "Operations on files that failed, of those that took at least the threshold.",
				Word: wordErrors, Skip: true, Attributes: n.put,
			},
		},
		Events: func(w []uint64) uint64 { return w[wordOperations] },
	}
}

// text is a string that ends at the first zero.
func text(c []int8) string {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(c))), len(c))
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package syscalls

import (
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/errname"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/sysname"
)

// The semantic conventions have error.type. They have nothing of system calls.
const (
	metricDuration = "ebpf.syscall.duration"
	metricErrors   = "ebpf.syscall.errors"

	attrName  = "ebpf.syscall.name"
	attrError = "error.type"
)

// dims are struct syscall_dims.
type dims struct{ Nr, Error uint32 }

// The values as words: struct syscall_value and struct syscall_errors.
type (
	value    = [unsafe.Sizeof(objectSyscallValue{}) / 8]uint64
	failures = [1]uint64
)

func callSchema() inkernel.Schema[dims] {
	durations := inkernel.Durations()
	return inkernel.Schema[dims]{
		Metrics: []inkernel.Metric[dims]{{
			Name: metricDuration, Unit: "s", Description: "Time from the beginning of a system call to its end.",
			Kind: inkernel.Histogram, Layout: durations,
			Attributes: func(m pcommon.Map, d *dims) { m.PutStr(attrName, sysname.Of(d.Nr)) },
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

func errorSchema() inkernel.Schema[dims] {
	return inkernel.Schema[dims]{
		Metrics: []inkernel.Metric[dims]{{
			Name: metricErrors, Unit: "{error}", Description: "System calls that failed.",
			Attributes: func(m pcommon.Map, d *dims) {
				m.PutStr(attrName, sysname.Of(d.Nr))
				m.PutStr(attrError, errorName(d.Error))
			},
		}},
		Events: func([]uint64) uint64 { return 0 }, // the calls themselves are counted
	}
}

// restarts are errors that the kernel keeps to itself (include/linux/errno.h): it makes EINTR
// of them, or begins the call again, after a signal.
var restarts = [...]string{"ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND", "", "ERESTART_RESTARTBLOCK"}

const firstRestart = 512

// errorName is the name of an errno, or _OTHER.
func errorName(errno uint32) string {
	if errno >= firstRestart && errno < firstRestart+uint32(len(restarts)) && restarts[errno-firstRestart] != "" {
		return restarts[errno-firstRestart]
	}
	return errname.Of(errno)
}

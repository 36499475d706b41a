// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package scheduler

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

func TestLayout(t *testing.T) {
	var v objectSchedValue
	assert.EqualValues(t, 8*wordVoluntary, unsafe.Offsetof(v.Voluntary))
	assert.EqualValues(t, 8*wordLatency, unsafe.Offsetof(v.Latency))
	l := inkernel.Durations()
	assert.EqualValues(t, 8*l.Words(), unsafe.Sizeof(v.Latency))
}

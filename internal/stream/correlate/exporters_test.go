// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

func TestExporters(t *testing.T) {
	var e Exporters
	sdk, collector, other := &probe.ProcessInfo{}, &probe.ProcessInfo{}, &probe.ProcessInfo{}
	assert.False(t, e.Has(sdk))
	assert.True(t, e.Sent(sdk))
	assert.False(t, e.Sent(sdk), "it is known")
	assert.True(t, e.Has(sdk))
	assert.False(t, e.Has(other))

	e.Received(collector)
	assert.False(t, e.Sent(collector), "these are spans of others")
	assert.False(t, e.Has(collector))
	e.Received(sdk)
	assert.False(t, e.Has(sdk), "it turned out to forward")

	keep := Exporters{Keep: true}
	assert.False(t, keep.Sent(sdk))
	assert.False(t, keep.Has(sdk))

	for range 2 * maxExporters {
		e.Sent(&probe.ProcessInfo{})
	}
	assert.LessOrEqual(t, len(e.known), maxExporters)
}

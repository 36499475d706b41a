// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import "github.com/ebpfreceiver/ebpfreceiver/receiver/probe"

var _ probe.Shedder = (*instrument)(nil)

// Shed implements probe.Shedder. Its spans say nothing at length.
func (p *instrument) Shed(s probe.Shedding) error {
	p.recorder.tracer.Shed(s.Drop)
	return nil
}

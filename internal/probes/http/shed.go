// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import "github.com/ebpfreceiver/ebpfreceiver/receiver/probe"

var _ probe.Shedder = (*instrument)(nil)

// Shed implements probe.Shedder. Whole traces are dropped in the kernel where that can be.
func (p *instrument) Shed(s probe.Shedding) error {
	p.tracer.Shed(s.Drop)
	p.bare = s.Bare
	return p.sample()
}

// shortens tells that a span leaves out so many attributes that it would have, and counts it.
func (p *instrument) shortens(attributes int) bool {
	if !p.bare {
		return false
	}
	if attributes > 0 {
		p.counts.Incomplete++
	}
	return true
}

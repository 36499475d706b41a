// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import "github.com/ebpfreceiver/ebpfreceiver/receiver/probe"

var _ probe.Shedder = (*instrument)(nil)

// Shed implements probe.Shedder.
func (p *instrument) Shed(s probe.Shedding) error { return p.recorder.Shed(s) }

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/timeslice"
)

// shorten gives the process the time slices that the limits ask for. Without them all works as well.
func (m *Manager) shorten() {
	length := m.set.Config.Limits.Slice
	if length == 0 {
		return
	}
	if err := timeslice.Set(length); err != nil {
		m.log.Warn("limits::slice has no effect", zap.Error(err))
	}
}

// lengthen gives it the kernel's own again.
func (m *Manager) lengthen() {
	if m.set.Config.Limits.Slice == 0 {
		return
	}
	if err := timeslice.Set(0); err != nil {
		m.log.Warn("The time slices of limits::slice are still in effect", zap.Error(err))
	}
}

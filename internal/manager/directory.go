// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import "github.com/ebpfreceiver/ebpfreceiver/receiver/probe"

// directory is the Processes that probes are given: that of the Daemon which
// follows processes, once it is loaded. It is set before the loops run.
type directory struct{ from probe.Processes }

func (d *directory) set(p probe.Processes) { d.from = p }

// Lookup implements probe.Processes.
func (d *directory) Lookup(pid uint32, start uint64) *probe.ProcessInfo {
	if d.from == nil {
		return nil
	}
	return d.from.Lookup(pid, start)
}

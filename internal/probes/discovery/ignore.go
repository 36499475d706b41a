// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import "fmt"

// Ignore lets the kernel observe a selected process no more. Its children are ignored with it,
// and its end is not seen.
func (d *Daemon) Ignore(pid uint32, start uint64) error {
	if !d.table.Selected(pid, start) {
		return nil // it ended
	}
	p := proc{start: start, state: stateIgnored}
	if err := d.procs.Put(pid, p.bytes()); err != nil {
		return fmt.Errorf("ignore process %d: %w", pid, err)
	}
	return nil
}

// Observe undoes Ignore, also for its children. now is kernel boot time, ns.
func (d *Daemon) Observe(pid uint32, start, now uint64) error { return d.table.Renew(pid, start, now) }

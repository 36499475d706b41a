// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"sync"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// noise is how many records came of each process lately. Loops add to it.
type noise struct {
	mu sync.Mutex
	of map[*probe.ProcessInfo]uint64
}

// add counts records. What came before fades by half each second.
func (n *noise) add(meter probe.Meter) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil {
		n.of = map[*probe.ProcessInfo]uint64{}
	}
	for p, records := range n.of {
		if n.of[p] = records / 2; records < 2 {
			delete(n.of, p)
		}
	}
	meter.Meter(func(p *probe.ProcessInfo, records uint64) { n.of[p] += records })
}

// take gives the process of which most came, and forgets it.
func (n *noise) take() (noisiest *probe.ProcessInfo, records uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for p, r := range n.of {
		if noisiest == nil || r > records {
			noisiest, records = p, r
		}
	}
	delete(n.of, noisiest)
	return noisiest, records
}

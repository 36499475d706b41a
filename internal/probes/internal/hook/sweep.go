// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Sweep is an iterator over the elements of a map.
type Sweep struct {
	it   *link.Iter
	over *ebpf.Map // nil when it cannot be asked for its first key
	key  []byte
}

// NewSweep makes one that runs the program for each element of the map. It uses the map until it
// is closed.
func NewSweep(p *ebpf.Program, over *ebpf.Map) (*Sweep, error) {
	it, err := link.AttachIter(link.IterOptions{Program: p, Map: over})
	if err != nil {
		return nil, err
	}
	s := &Sweep{it: it}
	switch over.Type() {
	case ebpf.Hash, ebpf.LRUHash:
		s.over, s.key = over, make([]byte, over.KeySize())
	}
	return s, nil
}

// Run lets the kernel go through the elements once. It takes a lock for each bucket of a hash, which for one
// of 65536 takes a millisecond, though there be no element: so that is asked first.
func (s *Sweep) Run() error {
	if s.over != nil {
		err := s.over.NextKey(nil, &s.key)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for the first element: %w", err)
		}
	}
	return Run(s.it)
}

// Close implements io.Closer.
func (s *Sweep) Close() error { return s.it.Close() }

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Sweep goes over what a program looks after, whenever it is asked to.
type Sweep struct {
	visit func() error
	close func() error
	over  *ebpf.Map // nil when it cannot be asked for its first key
	key   []byte
}

// NewSweep makes one. A program of the type SYSCALL goes over the map by itself; an iterator
// is run for each element of the map, or, where there is none, for what it visits. The
// program and the map are used until it is closed.
func NewSweep(p *ebpf.Program, over *ebpf.Map) (*Sweep, error) {
	s := &Sweep{close: func() error { return nil }}
	if p.Type() == ebpf.Syscall {
		s.visit = func() error {
			_, err := p.Run(nil)
			return err
		}
		// The library tries now whether programs can be run, which takes rights that may be dropped later.
		if err := s.visit(); err != nil {
			return nil, err
		}
	} else {
		it, err := link.AttachIter(link.IterOptions{Program: p, Map: over})
		if err != nil {
			return nil, err
		}
		s.visit, s.close = func() error { return Run(it) }, it.Close
	}
	if over != nil && (over.Type() == ebpf.Hash || over.Type() == ebpf.LRUHash) {
		s.over, s.key = over, make([]byte, over.KeySize())
	}
	return s, nil
}

// Run lets the kernel go over everything once. It looks into each bucket of a hash, which for one
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
	return s.visit()
}

// Close implements io.Closer.
func (s *Sweep) Close() error { return s.close() }

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// marked has a bit for each process ID, less what is above 65535: the map go_marks of
// bpf/include/socket_goroutine.h.
type marked [1024]uint64

// place gives the word that has a process's bit, and the bit.
func place(pid uint32) (word uint32, bit uint64) {
	return pid >> 6 % uint32(len(marked{})), 1 << (pid & 63)
}

func (m *marked) add(pid uint32) {
	word, bit := place(pid)
	m[word] |= bit
}

// asked reads how many programs have begun to ask: it stands behind the marks.
func (m *marks) asked() (n uint64, err error) {
	err = m.words.Lookup(uint32(len(marked{})), &n)
	return n, err
}

// marks are what the kernel knows of them.
type marks struct {
	words *ebpf.Map
	known marked
}

// add marks a process. Other processes may have the same bit, so it stays until set.
func (m *marks) add(pid uint32) error {
	word, bit := place(pid)
	if m.known[word]&bit != 0 {
		return nil
	}
	return m.put(word, m.known[word]|bit)
}

// set makes the marks those that are given.
func (m *marks) set(to *marked) error {
	for word, bits := range to {
		if bits == m.known[word] {
			continue
		}
		if err := m.put(uint32(word), bits); err != nil { //nolint:gosec // an index below 1024
			return err
		}
	}
	return nil
}

func (m *marks) put(word uint32, bits uint64) error {
	if err := m.words.Put(word, bits); err != nil {
		return fmt.Errorf("mark a Go program: %w", err)
	}
	m.known[word] = bits
	return nil
}

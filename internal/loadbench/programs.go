// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/cilium/ebpf"
)

// runs is how often BPF programs have run, and how long by the kernel's statistics. Taking the
// time is part of that.
type runs struct {
	times uint64
	took  time.Duration
}

// runtimes gives the runs of all BPF programs of the machine, by program and its name.
func runtimes() (map[program]runs, error) {
	all := map[program]runs{}
	for id := ebpf.ProgramID(0); ; {
		var err error
		if id, err = ebpf.ProgramGetNextID(id); errors.Is(err, os.ErrNotExist) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		p, err := ebpf.NewProgramFromID(id)
		if errors.Is(err, os.ErrNotExist) {
			continue // gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		info, err := p.Info()
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		s, err := p.Stats()
		_ = p.Close()
		if err != nil {
			return nil, err
		}
		all[program{id, info.Name}] = runs{s.RunCount, s.Runtime}
	}
}

type program struct {
	id   ebpf.ProgramID
	name string
}

// perOperation is what came to the runs between two readings, for each of n operations, by name.
func perOperation(before, after map[program]runs, n uint64) (programs map[string]cost, ns float64) {
	programs = map[string]cost{}
	for p, r := range after {
		was := before[p]
		if r.times == was.times {
			continue
		}
		c := programs[p.name]
		c.Times += float64(r.times-was.times) / float64(max(n, 1))
		c.NS += float64(r.took-was.took) / float64(max(n, 1))
		programs[p.name] = c
		ns += float64(r.took-was.took) / float64(max(n, 1))
	}
	return programs, ns
}

// cost is that of a program for an operation.
type cost struct {
	Times float64 // it ran
	NS    float64 // all these together
}

// printPrograms shows what runs for an operation, the dearest first.
func (k *kind) printPrograms() {
	names := make([]string, 0, len(k.programs))
	for name := range k.programs {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(k.programs[b].NS, k.programs[a].NS) })
	for _, name := range names {
		if c := k.programs[name]; c.Times >= 0.01 {
			fmt.Printf("%-26s %-20s %6.2f times %6.0f ns\n", k.name, name, c.Times, c.NS)
		}
	}
}

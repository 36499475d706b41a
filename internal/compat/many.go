// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"context"
	"runtime"
	"sync"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// Outcome is how the probes run on one of many stored kernels.
type Outcome struct {
	// Path is the kernel's file.
	Path         string       `json:"path"`
	Release      string       `json:"release,omitempty"`
	Distribution string       `json:"distribution,omitempty"`
	Arch         string       `json:"arch,omitempty"`
	Lockdown     string       `json:"lockdown,omitempty"`
	Probes       []Resolution `json:"probes,omitempty"`
	// Err is set if the file could not be read.
	Err error `json:"-"`
}

// maxKernels bounds how many kernels are in memory at a time, on machines with
// many processors. While it is decompressed one has up to 300 MiB, a BTF file 60.
const maxKernels = 8

// ResolveFiles checks the probes against many stored kernels, in parallel. Only
// one kernel per processor, and no more than [maxKernels], is in memory at a time. modes are the lockdown modes
// to assume for each; none means none. done, if not nil, is called after each
// file with the number of those that are finished.
//
// The outcomes are in the order of the paths and, within, of the modes.
func (s *Set) ResolveFiles(ctx context.Context, paths []string, modes []kernel.Lockdown, done func(int)) ([]Outcome, error) {
	if len(modes) == 0 {
		modes = []kernel.Lockdown{kernel.LockdownUnknown}
	}
	outcomes := make([]Outcome, len(paths)*len(modes))
	var (
		next, finished int
		mu             sync.Mutex
		workers        sync.WaitGroup
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= len(paths) && ctx.Err() == nil
	}
	for range min(runtime.GOMAXPROCS(0), maxKernels, len(paths)) {
		workers.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				s.resolveFile(paths[i], modes, outcomes[i*len(modes):(i+1)*len(modes)])
				mu.Lock()
				finished++
				if done != nil {
					done(finished)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return outcomes, ctx.Err()
}

func (s *Set) resolveFile(path string, modes []kernel.Lockdown, into []Outcome) {
	k, err := kernel.Open(path)
	for i, mode := range modes {
		into[i] = Outcome{Path: path, Err: err}
		if err != nil {
			continue
		}
		into[i].Release, into[i].Distribution, into[i].Arch = k.Release, k.Distribution, k.Arch
		if mode != kernel.LockdownUnknown {
			into[i].Lockdown = mode.String()
		}
		into[i].Probes, into[i].Err = s.Resolve(k.WithLockdown(mode))
		for p := range into[i].Probes {
			into[i].Probes[p].reports = nil // the types that they refer to are large
		}
	}
}

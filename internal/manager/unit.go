// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// unit is one probe of the plan and what has become of it.
type unit struct {
	factory probe.Factory
	name    string
	config  any

	probe    probe.Probe
	loop     *loop
	outcome  outcome
	attached []io.Closer
	programs []*ebpf.Program // copies of what it loaded, if the kernel is to measure them
	later    bool            // it wants capabilities whenever it attaches to an executable, also after Start

	// counts is renewed by the loop and read by others.
	counts atomic.Pointer[probe.Counts]
}

// state says whether a probe runs.
type state string

const (
	running     state = "running"
	degraded    state = "degraded"
	unsupported state = "unsupported"
	failed      state = "failed"
)

// outcome is the result of loading and attaching a probe.
type outcome struct {
	state    state
	variant  string
	loses    []string
	through  []string // the degraded probes that it depends on
	rejected []rejection
	forced   bool  // the configuration allowed only this variant
	err      error // why it does not run, in a sentence
}

// rejection is a better variant that the kernel cannot do.
type rejection struct {
	variant string
	reason  error
}

func (u *unit) runs() bool { return u.outcome.state == running || u.outcome.state == degraded }

// bringsObject tells whether the probe loads a BPF object of its own.
func (u *unit) bringsObject() bool { return len(u.factory.Manifest.Variants) > 0 }

// sharedMaps gives the maps that those who depend on the probe use.
func (u *unit) sharedMaps() map[string]*ebpf.Map {
	if s, ok := u.probe.(probe.MapSharer); ok {
		return s.SharedMaps()
	}
	return nil
}

// detach undoes attach, last first.
func (u *unit) detach() error {
	var errs []error
	for _, a := range slices.Backward(u.attached) {
		if err := a.Close(); err != nil {
			errs = append(errs, fmt.Errorf("detach %s: %w", u.name, err))
		}
	}
	u.attached = nil
	return errors.Join(errs...)
}

// attach attaches the probe to the host.
func (u *unit) attach(ctx context.Context) error {
	c, err := u.probe.Attach(ctx, probe.Target{Scope: probe.Host})
	if err == nil && c != nil {
		u.attached = append(u.attached, c)
	}
	return err
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/privilege"
)

// keeper is an engine that tells which of the capabilities it cannot go on without.
type keeper interface {
	Keeps(capabilities []kernel.Capability) []kernel.Capability
}

// errDropped is the start of a receiver that has given away what it needs to start.
var errDropped = errors.New("CAP_BPF is missing: with drop_capabilities it is given up once the receivers run, so that a configuration cannot be reloaded; start the collector anew")

// checkCapabilities tells before anything is loaded that there is no CAP_BPF any more.
func (f *factory) checkCapabilities(cfg *Config) error {
	if !cfg.DropCapabilities {
		return nil
	}
	held, err := f.held()
	if err != nil {
		return err
	}
	if !held.Has(kernel.CapBPF) {
		return errDropped
	}
	return nil
}

// dropCapabilities gives up what no receiver needs any more. Capabilities are the process's:
// the last of the receivers that were created together does it when it has started, and
// only if all of them want it.
func (f *factory) dropCapabilities(last *instance) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	drop := privilege.Loading()
	for _, i := range f.instances {
		i.mu.Lock()
		state, e := i.state, i.engine
		i.mu.Unlock()
		switch {
		case state == created:
			return nil
		case !i.set.Config.DropCapabilities:
			if last.set.Config.DropCapabilities {
				last.set.Receiver.Logger.Warn("No capability is given up: another ebpf receiver of this collector has no drop_capabilities",
					zap.Stringer("receiver", i.set.Receiver.ID))
			}
			return nil
		}
		if k, ok := e.(keeper); ok {
			keep := k.Keeps(drop)
			drop = slices.DeleteFunc(drop, func(c kernel.Capability) bool { return slices.Contains(keep, c) })
		}
	}
	dropped, err := f.drop(drop)
	if err != nil {
		return fmt.Errorf("drop_capabilities: %w", err)
	}
	last.set.Receiver.Logger.Info("Capabilities were given up", zap.Stringers("capabilities", dropped))
	return nil
}

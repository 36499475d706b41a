// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"

	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// choice is a variant of a probe with what the kernel said of it before anything
// was loaded.
type choice struct {
	probe.Variant
	index    int
	refused  error // nil if only loading it can tell more
	warnings []string
}

// choices asks the kernel which variants it can run, best first. A forced one is
// the only one.
//
// Returns an error if the probe itself is at fault: its object is broken.
func (m *Manager) choices(u *unit) ([]choice, error) {
	r, err := compat.Resolve(m.kernel, u.factory.Manifest)
	if err != nil {
		return nil, err
	}
	forced := m.set.Config.Variants[u.name]
	said := make([]choice, len(u.factory.Manifest.Variants))
	for _, c := range r.Candidates {
		said[c.Index].warnings = c.Warnings
	}
	for _, rejected := range r.Rejected {
		said[rejected.Index].refused = errors.New(rejected.Sentence())
	}
	var all []choice
	for i, v := range u.factory.Manifest.Variants {
		if forced == "" || v.Name == forced {
			said[i].Variant, said[i].index = v, i
			all = append(all, said[i])
		}
	}
	return all, nil
}

// warn passes on what the kernel is going to take away from the variant.
func (m *Manager) warn(u *unit, c *choice) {
	for _, w := range c.warnings {
		m.log.Warn("The kernel announces a change", zap.String("probe", u.name), zap.String("variant", c.Name), zap.String("change", w))
	}
}

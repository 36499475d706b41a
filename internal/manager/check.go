// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// check asks whether the kernel has what the variant needs, before anything is
// loaded. Where only trying can tell, trying tells.
func (m *Manager) check(u *unit, spec *ebpf.CollectionSpec, v probe.Variant) error {
	report, err := compat.Check(m.kernel, spec, v.Programs)
	if err != nil {
		return err
	}
	for _, w := range report.Warnings {
		m.log.Warn("The kernel announces a change", zap.String("probe", u.name), zap.String("variant", v.Name), zap.String("change", w))
	}
	if report.Answer() == compat.Unsupported {
		return errors.New(report.Reason())
	}
	return nil
}

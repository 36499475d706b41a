// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// check asks whether the kernel has what the variant needs.
func (m *Manager) check(_ *ebpf.CollectionSpec, _ probe.Variant) error {
	return nil
}

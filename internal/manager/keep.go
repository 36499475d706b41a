// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/privilege"
)

// Keeps gives those of the capabilities that the probes need to go on, after Start.
func (m *Manager) Keeps(capabilities []kernel.Capability) []kernel.Capability {
	var keep []kernel.Capability
	if err := tryMap(capabilities); err != nil {
		// In older kernels all of bpf() wants it where the sysctl kernel.unprivileged_bpf_disabled is set.
		m.log.Info("CAP_BPF is kept: this kernel does not let maps be read without", zap.Error(err))
		keep = append(keep, kernel.CapBPF)
	}
	for _, u := range m.order {
		if u.runs() && u.later {
			m.log.Info("Capabilities are kept to attach to programs that begin later", zap.String("probe", u.name))
			keep = append(keep, kernel.CapPerfmon, kernel.CapSysAdmin)
		}
	}
	return slices.DeleteFunc(keep, func(c kernel.Capability) bool { return !slices.Contains(capabilities, c) })
}

// tryMap reads a map without the capabilities.
func tryMap(without []kernel.Capability) error {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "try", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return err
	}
	defer m.Close()
	return privilege.Without(without, func() error {
		var value uint32
		return m.Lookup(uint32(0), &value)
	})
}

// wantsPerf tells of an object with programs that are attached to executables by perf events,
// for which each time a capability is wanted. uprobe_multi wants none, once the program is loaded.
func wantsPerf(spec *ebpf.CollectionSpec) bool {
	for _, p := range spec.Programs {
		for _, section := range []string{"uprobe", "uretprobe", "usdt"} {
			if p.Type == ebpf.Kprobe && p.AttachType != ebpf.AttachTraceUprobeMulti && strings.HasPrefix(p.SectionName, section) {
				return true
			}
		}
	}
	return false
}

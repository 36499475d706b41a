// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package livetest

import (
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
)

// Program is a loaded program and what the kernel measured of it (ebpf.EnableStats).
type Program struct {
	Name  string
	Calls uint64
	Time  time.Duration // in all
}

// Programs gives all that are loaded, whoever did it.
func Programs(t testing.TB) map[ebpf.ProgramID]Program {
	t.Helper()
	all := map[ebpf.ProgramID]Program{}
	require.NoError(t, each(ebpf.ProgramGetNextID, func(id ebpf.ProgramID) error {
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			return err
		}
		defer p.Close()
		info, err := p.Info()
		if err != nil {
			return err
		}
		stats, err := p.Stats()
		if err != nil {
			return err
		}
		all[id] = Program{info.Name, stats.RunCount, stats.Runtime}
		return nil
	}))
	return all
}

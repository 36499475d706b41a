// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// liftMemlock raises this process's limit of locked memory on kernels that
// count BPF maps against it: those before 5.11 (kernel commit d5299b67dd59),
// which is told by a helper that came with the same release. It is the one
// thing about the process that a receiver changes; it does not change it back,
// because another receiver may need it.
func (m *Manager) liftMemlock() {
	if !countsMemlock(m.kernel) {
		return
	}
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited); err != nil {
		m.log.Warn("The limit of locked memory (ulimit -l) cannot be raised; this kernel counts BPF maps against it", zap.Error(fmt.Errorf("setrlimit: %w", err)))
	}
}

func countsMemlock(k *kernel.Kernel) bool {
	helpers, err := k.Enum("bpf_func_id")
	if err != nil {
		return true // without types it may be any kernel
	}
	for _, name := range helpers {
		if name == "BPF_FUNC_ktime_get_coarse_ns" {
			return false
		}
	}
	return true
}

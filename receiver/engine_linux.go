// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package receiver

import (
	"maps"
	"os"
	"slices"

	"github.com/ebpfreceiver/ebpfreceiver/internal/manager"
)

// newManager makes the manager, which does the work of an instance.
func newManager(set engineSettings) (engine, error) {
	cfg := set.Config
	selection, err := cfg.selection(os.Getpid())
	if err != nil {
		return nil, err
	}
	set.applySwitches()
	return manager.New(manager.Settings{
		Receiver:  set.Receiver,
		Factories: slices.Collect(maps.Values(cfg.factories)),
		Config: manager.Config{
			CollectionInterval: cfg.CollectionInterval,
			FailUnsupported:    cfg.OnUnsupported == Fail,
			Probes:             cfg.Probes,
			Selection:          selection,
			Retry:              cfg.Retry,
			Version:            version,
		},
		Traces:       set.Traces,
		Metrics:      set.Metrics,
		Logs:         set.Logs,
		ReportStatus: set.ReportStatus,
	}), nil
}

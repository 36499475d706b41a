// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package process

import (
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const (
	name   = "process"
	daemon = "discovery"
)

// Factory describes the Instrument.
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      name,
			Kind:      probe.Instrument,
			Summary:   "Log records of process exec and exit, with exit codes and signals.",
			Signals:   probe.Logs,
			DependsOn: []string{daemon},
			Stability: component.StabilityLevelDevelopment,
		},
		DefaultConfig: defaultConfig,
		New:           newInstrument,
	}
}

func newInstrument(set probe.Settings, config any) (probe.Probe, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("configuration is a %T, not a %T", config, cfg)
	}
	return &Instrument{cfg: cfg, emit: set.Emit, clock: set.Clock}, nil
}

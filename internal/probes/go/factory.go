// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// The Daemons that it depends on.
const (
	socketDaemon    = "socket"
	discoveryDaemon = "discovery"
)

// The names of the variants.
const (
	uprobeMulti = "uprobe_multi"
	uprobePMU   = "uprobe"
)

// Factory describes the Instrument.
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "go",
			Kind:      probe.Instrument,
			Summary:   "which request a goroutine of a Go program takes part in, for the spans of all protocols, and its route, for metrics, too",
			Signals:   probe.Traces | probe.Metrics,
			OnRequest: probe.Metrics,
			DependsOn: []string{socketDaemon, discoveryDaemon},
			Stability: component.StabilityLevelDevelopment,
			Variants:  variants(),
		},
		DefaultConfig: defaultConfig,
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("configuration is a %T, not a %T", config, cfg)
			}
			return newInstrument(set, cfg), nil
		},
	}
}

func variants() []probe.Variant {
	loses := []string{
		"the parent of what a goroutine does that was handed a request by a channel of the program's own",
		"the parent of what a goroutine does that was started for a request, in the first moments in which a program calls others so",
		"the parent of what a server of gRPC with a fixed number of workers calls",
		"the parent and the route of what comes to net/http over HTTP/2, on connections that were there before the probe",
	}
	return []probe.Variant{
		{Name: uprobeMulti, Loses: loses, Spec: loadObject, Adapt: uprobe.Multi},
		{Name: uprobePMU, Loses: loses, Spec: loadObject},
	}
}

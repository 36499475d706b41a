// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Name is the Daemon's type, by which others depend on it.
const Name = "discovery"

// Factory describes the Daemon.
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      Name,
			Kind:      probe.Daemon,
			Summary:   "Follows processes from fork and exec to exit and decides which are observed.",
			Stability: component.StabilityLevelDevelopment,
			Variants:  variants(),
		},
		DefaultConfig: defaultConfig,
		New:           newDaemon,
	}
}

var errSelection = errors.New("settings carry no *discovery.Selection")

func newDaemon(set probe.Settings, config any) (probe.Probe, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("configuration is a %T, not a %T", config, cfg)
	}
	selection, ok := set.Selection.(*discovery.Selection)
	if !ok || selection == nil {
		return nil, errSelection
	}
	d := &Daemon{cfg: cfg, selection: selection, logger: set.Logger, clock: set.Clock}
	d.table = discovery.NewTable(discovery.Options{
		Selection: selection, Host: discovery.ReadHost(), Clock: set.Clock, Logger: set.Logger, States: (*states)(d),
		Attributes: selection.Attributes, Max: cfg.MaxProcesses, Linger: cfg.Linger,
	})
	return d, nil
}

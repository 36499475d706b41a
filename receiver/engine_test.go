// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package receiver

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/process"
)

func TestEventsSwitchTheProcessProbe(t *testing.T) {
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	configured := *cfg.Probes["process"].(*process.Config)

	cfg.Events.ProcessExec.Enabled = false
	got := cfg.chosenProbes()["process"].(*process.Config)
	assert.False(t, got.Exec)
	assert.True(t, got.Exit)
	assert.Equal(t, &configured, cfg.Probes["process"], "the configuration itself stays")

	cfg.Events.ProcessExit.Enabled = false
	assert.NotContains(t, cfg.chosenProbes(), "process")
	assert.Contains(t, cfg.Probes, "process")
}

// Each probe's defaults are valid and its name is unique.
func TestBuiltinProbes(t *testing.T) {
	names := map[string]bool{}
	for _, f := range builtin() {
		assert.False(t, names[f.Manifest.Name], f.Manifest.Name)
		names[f.Manifest.Name] = true
		assert.NotEmpty(t, f.Manifest.Summary, f.Manifest.Name)
		for _, dependency := range f.Manifest.DependsOn {
			assert.True(t, names[dependency], "%s depends on %s", f.Manifest.Name, dependency)
		}
		if v, ok := defaultProbeConfig(f).(interface{ Validate() error }); ok {
			assert.NoError(t, v.Validate(), f.Manifest.Name)
		}
	}
}

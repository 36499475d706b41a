// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package receiver

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/memory"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/process"
)

func TestEventsSwitchSignalsAndMemory(t *testing.T) {
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	assert.Contains(t, cfg.chosenProbes(), "signals")
	assert.True(t, cfg.chosenProbes()["memory"].(*memory.Config).OOMKills)
	cfg.Events.EbpfProcessSignal.Enabled = false
	cfg.Events.EbpfProcessOomKill.Enabled = false
	assert.NotContains(t, cfg.chosenProbes(), "signals")
	assert.False(t, cfg.chosenProbes()["memory"].(*memory.Config).OOMKills, "its metrics go on")
	assert.True(t, cfg.Probes["memory"].(*memory.Config).OOMKills, "the configuration itself stays")
}

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

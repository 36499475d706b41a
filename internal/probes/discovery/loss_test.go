// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

func balanced(t *testing.T, c probe.Counts) {
	t.Helper()
	assert.Equal(t, c.Seen, c.Delivered+c.SampledOut+c.Filtered+c.TotalLost(), "%+v", c)
}

// TestRingFull does not read the ring until more has happened than it holds.
func TestRingFull(t *testing.T) { eachVariant(t, testRingFull) }

func testRingFull(t *testing.T, variant int) {
	const runs = 1000
	cfg := &Config{MaxProcesses: 1024, BufferSize: 1 << 16, Linger: time.Minute}
	w := attach(t, variant, &discovery.Selection{Self: uint32(os.Getpid())}, cfg)
	program := program(t, "/bin/true")
	for range runs {
		require.NoError(t, exec.Command(program).Run())
	}
	lost := w.Lost(discovery.Exec)[probe.RingFull] + w.Lost(discovery.Exit)[probe.RingFull]
	require.NotZero(t, lost)
	livetest.Pump(t, w.Daemon, nil)()
	c := w.Counts()
	balanced(t, c)
	assert.GreaterOrEqual(t, c.Lost[probe.RingFull], lost)
	assert.GreaterOrEqual(t, c.Seen, uint64(2*runs))

	// Processes whose exit was lost are forgotten all the same.
	before := w.Selected()
	w.Tick(livetest.Clock{}.Now())
	assert.LessOrEqual(t, w.Selected(), before)
	for _, e := range w.events {
		if e.Process != nil && e.Process.Executable == program {
			assert.Nil(t, w.Lookup(e.PID, 0), "it has ended")
		}
	}
}

// TestMapFull has space for the collector alone.
func TestMapFull(t *testing.T) { eachVariant(t, testMapFull) }

func testMapFull(t *testing.T, variant int) {
	program := program(t, "/bin/true")
	w := attach(t, variant, selectBy(t, discovery.Selector{Exe: program}), &Config{MaxProcesses: 1, BufferSize: 1 << 20, Linger: 0})
	require.NoError(t, exec.Command(program).Run())
	livetest.Pump(t, w.Daemon, nil)()
	c := w.Counts()
	balanced(t, c)
	assert.NotZero(t, c.Lost[probe.MapFull])
}

func TestConfigValidate(t *testing.T) {
	require.NoError(t, defaultConfig().(*Config).Validate())
	for _, tt := range []struct {
		change func(*Config)
		want   error
	}{
		{func(c *Config) { c.MaxProcesses = 0 }, errMaxProcesses},
		{func(c *Config) { c.MaxProcesses = 1<<22 + 1 }, errMaxProcesses},
		{func(c *Config) { c.BufferSize = 100000 }, errBufferSize},
		{func(c *Config) { c.BufferSize = 1 << 31 }, errBufferSize},
		{func(c *Config) { c.Linger = -1 }, errLinger},
	} {
		c := defaultConfig().(*Config)
		tt.change(c)
		require.ErrorIs(t, c.Validate(), tt.want)
	}
}

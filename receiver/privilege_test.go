// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package receiver

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// keepingEngine is an engine that cannot go on without some capabilities.
type keepingEngine struct {
	fakeEngine
	keeps []kernel.Capability
}

func (e *keepingEngine) Keeps([]kernel.Capability) []kernel.Capability { return e.keeps }

// rights stand in for those of the process.
type rights struct {
	held    uint64
	dropped []kernel.Capability
	times   int
	err     error
}

// with makes a factory that has these rights, and engines that keep in turn.
func (r *rights) with(keeps ...[]kernel.Capability) Option {
	return func(f *factory) {
		f.newEngine = func(engineSettings) (engine, error) {
			e := &keepingEngine{keeps: keeps[0]}
			keeps = keeps[1:]
			return e, nil
		}
		f.held = func() (kernel.Capabilities, error) {
			return kernel.Capabilities{Known: true, Effective: r.held}, nil
		}
		f.drop = func(c []kernel.Capability) ([]kernel.Capability, error) {
			r.times, r.dropped = r.times+1, c
			return c, r.err
		}
	}
}

// Capabilities are dropped once, when the last receiver has started, but for those that any
// of them keeps.
func TestCapabilitiesAreDroppedWhenAllHaveStarted(t *testing.T) {
	r := &rights{held: 1 << kernel.CapBPF}
	f := NewFactory(testProbes(), r.with([]kernel.Capability{kernel.CapPerfmon}, []kernel.Capability{kernel.CapSysAdmin}))
	var all []component.Component
	for range 2 {
		cfg := f.CreateDefaultConfig().(*Config)
		cfg.DropCapabilities = true
		all = append(all, createAll(t, f, cfg)...)
	}
	for i, c := range all {
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
		assert.Equal(t, i >= 3, r.times == 1, "after the start of %d", i)
	}
	assert.Contains(t, r.dropped, kernel.CapBPF)
	assert.NotContains(t, r.dropped, kernel.CapPerfmon)
	assert.NotContains(t, r.dropped, kernel.CapSysAdmin)
	for _, c := range all {
		require.NoError(t, c.Shutdown(t.Context()))
	}
}

// One receiver that does not want it is enough for nothing to be dropped.
func TestNothingIsDroppedUnlessAllWantIt(t *testing.T) {
	r := &rights{held: 1 << kernel.CapBPF}
	f := NewFactory(testProbes(), r.with(nil, nil))
	wants := f.CreateDefaultConfig().(*Config)
	wants.DropCapabilities = true
	all := append(createAll(t, f, f.CreateDefaultConfig()), createAll(t, f, wants)...)
	for _, c := range all {
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	}
	assert.Zero(t, r.times)
	for _, c := range all {
		require.NoError(t, c.Shutdown(t.Context()))
	}
}

func TestStartFailsWithoutWhatWasDropped(t *testing.T) {
	for name, c := range map[string]struct {
		rights *rights
		want   error
	}{
		"dropped before": {&rights{}, errDropped},
		"cannot drop":    {&rights{held: 1 << kernel.CapSysAdmin, err: errors.ErrUnsupported}, errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			f := NewFactory(testProbes(), c.rights.with(nil))
			cfg := f.CreateDefaultConfig().(*Config)
			cfg.DropCapabilities = true
			all := createAll(t, f, cfg)
			require.ErrorIs(t, all[0].Start(t.Context(), componenttest.NewNopHost()), c.want)
			require.NoError(t, all[0].Shutdown(t.Context()))
		})
	}
}

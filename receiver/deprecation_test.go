// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package receiver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Nothing is kept longer than was announced.
func TestNothingIsOverdue(t *testing.T) {
	late, err := overdue(version, deprecations(), builtin())
	require.NoError(t, err)
	assert.Empty(t, late)
}

func TestOverdue(t *testing.T) {
	all := []deprecation{
		{kind: configKey, name: "later", Deprecated: probe.Deprecated{Since: "0.8.0", RemovedIn: "0.10.0", Use: "x"}},
		{kind: metric, name: "now", Deprecated: probe.Deprecated{Since: "0.7.0", RemovedIn: "0.9.0", Use: "x"}},
		{kind: event, name: "gone", Deprecated: probe.Deprecated{Since: "0.0.0", RemovedIn: "0.2.0", Use: "x"}, removed: true},
		{kind: event, name: "nothing", Deprecated: probe.Deprecated{Since: "0.9.0", RemovedIn: "1.0.0"}},
	}
	all = append(all, deprecation{kind: event, name: "hasty", Deprecated: probe.Deprecated{Since: "0.9.0", RemovedIn: "0.10.0", Use: "x"}})
	old := probe.Factory{Manifest: probe.Manifest{Name: "old", Deprecated: &probe.Deprecated{Since: "0.6.0", RemovedIn: "0.8.1", Use: "x"}}}
	late, err := overdue("0.9.0", all, []probe.Factory{old, {}})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"the metric now was to be removed in 0.9.0: remove it and mark it as removed",
		"the event nothing does not say what to use instead",
		"the event hasty is deprecated since 0.9.0 and removed in 0.10.0: that is less than 2 minor releases",
		"the probe old was to be removed in 0.8.1: remove it and mark it as removed",
	}, late)
	_, err = overdue("0.9.0", []deprecation{{kind: event, name: "e", Deprecated: probe.Deprecated{RemovedIn: "soon"}}}, nil)
	assert.ErrorContains(t, err, `event e: removed in: "soon" is not a version`)
	_, err = overdue("0.9.0", []deprecation{{kind: event, name: "e", Deprecated: probe.Deprecated{RemovedIn: "1.0.0"}}}, nil)
	assert.ErrorContains(t, err, `event e: since: "" is not a version`)
}

// madeUp are deprecations of the test probes.
func madeUp() []deprecation {
	at := probe.Deprecated{Since: "0.1.0", RemovedIn: "0.3.0", Use: "something better"}
	return []deprecation{
		{kind: configKey, name: "collection_interval", Deprecated: at},
		{kind: configKey, name: "probes::alpha::depth", Deprecated: at},
		{kind: event, name: "process.exec", Deprecated: at},
		{kind: event, name: "process.exit", Deprecated: at},
		{kind: resourceAttribute, name: "process.command_args", Deprecated: at}, // off by default
		{kind: resourceAttribute, name: "process.owner", Deprecated: at},
		{kind: metric, name: "alpha.depth", probe: "alpha", Deprecated: at},
		{kind: metric, name: "daemon.depth", probe: "daemon", Deprecated: at},
		{kind: metric, name: "otelcol_ebpf_events_seen", Deprecated: at},
		{kind: configKey, name: "poll", Deprecated: at, removed: true},
		{kind: configKey, name: "probes::alpha::width", Deprecated: at, removed: true},
		{kind: probeName, name: "gamma", Deprecated: at, removed: true},
		{kind: event, name: "process.fork", Deprecated: at, removed: true},
		{kind: metric, name: "alpha.width", probe: "alpha", Deprecated: at, removed: true},
	}
}

func madeUpFactory() *factory {
	f := newFactory(testProbes(), func(f *factory) { f.deprecations = madeUp() })
	return f
}

func TestRemovedIsAnErrorThatNamesTheReplacement(t *testing.T) {
	for key, want := range map[string]string{
		"poll":                 "poll: the configuration key was removed in 0.3.0; use something better",
		"probes::alpha::width": "probes::alpha::width: the configuration key was removed in 0.3.0; use something better",
		"probes::gamma":        "probes::gamma: the probe was removed in 0.3.0; use something better",
		"events::process.fork": "events::process.fork: the event was removed in 0.3.0; use something better",
	} {
		conf := confmap.New()
		require.NoError(t, conf.Merge(confmap.NewFromStringMap(map[string]any{key: map[string]any{}})))
		err := conf.Unmarshal(madeUpFactory().defaultConfig())
		assert.ErrorContains(t, err, want)
	}
}

func TestDeprecatedWarnsAtStart(t *testing.T) {
	for _, c := range []struct {
		conf map[string]any
		want []string
	}{
		{map[string]any{}, []string{"process.exec", "process.exit", "process.owner", "alpha.depth", "otelcol_ebpf_events_seen"}},
		{map[string]any{
			"collection_interval": "5s",
			"probes":              map[string]any{"alpha": map[string]any{"depth": 4}},
			"events":              map[string]any{"process.exit": map[string]any{"enabled": false}},
		}, []string{"collection_interval", "probes::alpha::depth", "process.exec", "process.owner", "alpha.depth", "otelcol_ebpf_events_seen"}},
		{map[string]any{"probes": map[string]any{}}, []string{"process.exec", "process.exit", "process.owner", "otelcol_ebpf_events_seen"}},
	} {
		f := madeUpFactory()
		f.newEngine = func(engineSettings) (engine, error) { return &fakeEngine{}, nil }
		cfg := f.defaultConfig()
		require.NoError(t, confmap.NewFromStringMap(c.conf).Unmarshal(cfg))
		core, logs := observer.New(zap.WarnLevel)
		set := receivertest.NewNopSettings(metadata.Type)
		set.Logger = zap.New(core)
		r, err := f.createLogs(t.Context(), set, cfg, consumertest.NewNop())
		require.NoError(t, err)
		require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, r.Shutdown(t.Context()))
		var names []string
		for _, entry := range logs.All() {
			fields := entry.ContextMap()
			names = append(names, fields["name"].(string))
			assert.Contains(t, entry.Message, "is deprecated")
			assert.Equal(t, "something better", fields["use"])
			assert.Equal(t, "0.3.0", fields["removed_in"])
		}
		assert.Equal(t, c.want, names)
	}
}

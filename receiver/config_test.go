// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package receiver

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/otelcol/otelcoltest"
	"go.opentelemetry.io/collector/receiver"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

type alphaConfig struct {
	Depth int `mapstructure:"depth"`
}

func (c *alphaConfig) Validate() error {
	if c.Depth < 0 {
		return errors.New("depth: must not be negative")
	}
	return nil
}

// testProbes are two Instruments, one of them deprecated, and a Daemon.
func testProbes() Option {
	return func(f *factory) {
		clear(f.probes)
		WithProbes(
			probe.Factory{
				Manifest: probe.Manifest{
					Name: "alpha", Signals: probe.Traces | probe.Metrics,
					Variants: []probe.Variant{{Name: "fast"}, {Name: "slow"}},
				},
				DefaultConfig: func() any { return &alphaConfig{Depth: 3} },
			},
			probe.Factory{Manifest: probe.Manifest{Name: "beta", Signals: probe.Logs}},
			probe.Factory{Manifest: probe.Manifest{Name: "old", Deprecated: &probe.Deprecated{Use: "alpha"}}},
			probe.Factory{Manifest: probe.Manifest{Name: "daemon", Kind: probe.Daemon}},
			probe.Factory{
				Manifest:      probe.Manifest{Name: "many"},
				DefaultConfig: func() any { return &alphaConfig{Depth: 5} },
				Instance: func(name string, config any) (probe.Factory, error) {
					if config.(*alphaConfig).Depth == 99 {
						return probe.Factory{}, errors.New("depth: 99 is a mistake")
					}
					return probe.Factory{Manifest: probe.Manifest{Name: name, Signals: probe.Logs, Variants: []probe.Variant{{Name: "only"}}}}, nil
				},
			},
		)(f)
	}
}

// load gives the section to the collector's own loader and validation. section
// is the YAML of the receiver "ebpf".
func load(t *testing.T, section string) (*Config, error) {
	t.Helper()
	f := NewFactory(testProbes())
	nop := exportertest.NewNopFactory()
	factories := otelcol.Factories{
		Receivers: map[component.Type]receiver.Factory{f.Type(): f},
		Exporters: map[component.Type]exporter.Factory{nop.Type(): nop},
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := "receivers:\n  ebpf: " + section + "\nexporters:\n  nop:\n" +
		"service:\n  pipelines:\n    traces: {receivers: [ebpf], exporters: [nop]}\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	cfg, err := otelcoltest.LoadConfigAndValidate(file, factories)
	if err != nil {
		return nil, err
	}
	return cfg.Receivers[component.NewID(metadata.Type)].(*Config), nil
}

func TestConfigDefaults(t *testing.T) {
	f := NewFactory(testProbes())
	require.NoError(t, componenttest.CheckConfigStruct(f.CreateDefaultConfig()))
	for _, section := range []string{"", "{}", "{probes: }"} {
		cfg, err := load(t, section)
		require.NoError(t, err, section)
		assert.Equal(t, 10*time.Second, cfg.CollectionInterval)
		assert.Equal(t, Degrade, cfg.OnUnsupported)
		assert.Equal(t, map[string]any{"alpha": &alphaConfig{Depth: 3}, "beta": nil}, cfg.Probes)
		assert.False(t, cfg.attributeEnabled()("process.command_args"))
		assert.True(t, cfg.attributeEnabled()("process.owner"))
		assert.True(t, cfg.Events.ProcessExec.Enabled)
	}
}

func TestConfigFull(t *testing.T) {
	cfg, err := load(t, `
    collection_interval: 5s
    on_unsupported: fail
    targets:
      - {service_name: checkout, exe: /usr/sbin/nginx*}
      - {ports: 443, user: 1000}
      - {cmdline: "python3? .*app", ports: "8000-8999,443", container_id: 4f2a, cgroup: "/system.slice/*", pid: 17, user: www-data}
    exclude: [{exe: /usr/bin/sshd}]
    retry: {max_elapsed_time: 1m}
    probes:
      alpha: {depth: 7}
      daemon:
    variants: {alpha: slow}
    resource_attributes:
      process.owner: {enabled: false}
    events:
      process.exec: {enabled: false}
`)
	require.NoError(t, err)
	assert.Equal(t, 5*time.Second, cfg.CollectionInterval)
	assert.Equal(t, Fail, cfg.OnUnsupported)
	assert.Equal(t, time.Minute, cfg.Retry.MaxElapsedTime)
	assert.Equal(t, []TargetConfig{
		{ServiceName: "checkout", Exe: "/usr/sbin/nginx*"},
		{Ports: "443", User: "1000"},
		{Cmdline: "python3? .*app", Ports: "8000-8999,443", ContainerID: "4f2a", Cgroup: "/system.slice/*", PID: 17, User: "www-data"},
	}, cfg.Targets)
	assert.Equal(t, []TargetConfig{{Exe: "/usr/bin/sshd"}}, cfg.Exclude)
	assert.Equal(t, map[string]any{"alpha": &alphaConfig{Depth: 7}, "daemon": nil}, cfg.Probes)
	assert.Equal(t, map[string]string{"alpha": "slow"}, cfg.Variants)
	assert.False(t, cfg.Events.ProcessExec.Enabled)
	assert.True(t, cfg.Events.ProcessExit.Enabled)

	s, err := cfg.selection(99)
	require.NoError(t, err)
	assert.False(t, s.Attributes("process.owner"))
	assert.True(t, s.Attributes("process.pid"))
	assert.Equal(t, "checkout", s.Decide(&discovery.Candidate{PID: 1, Exe: "/usr/sbin/nginx"}).ServiceName())
	assert.False(t, s.Decide(&discovery.Candidate{PID: 1, Exe: "/usr/bin/sshd", UID: 1000, Ports: []uint16{443}}).Selected)
	assert.False(t, s.Decide(&discovery.Candidate{PID: 99, Exe: "/usr/sbin/nginx"}).Selected)
}

func TestConfigProtocols(t *testing.T) {
	cfg, err := load(t, `
    targets:
      - {pid: 1}
      - {pid: 2, protocols: {forbid: [http, memcached], force: {redis: 6380, kafka: "9092-9093"}}}
`)
	require.NoError(t, err)
	s, err := cfg.selection(99)
	require.NoError(t, err)
	rules, err := s.Rules()
	require.NoError(t, err)
	assert.Equal(t, []discovery.Rule{
		{Target: 2, Value: 1<<stream.ProtoHTTP1 | 1<<stream.ProtoHTTP2 | 1<<stream.ProtoMemcached},
		{Target: 2, Port: 6380, Value: uint32(stream.ProtoRedis)},
		{Target: 2, Port: 9092, Value: uint32(stream.ProtoKafka)},
		{Target: 2, Port: 9093, Value: uint32(stream.ProtoKafka)},
	}, rules)
	assert.Zero(t, s.Number(s.Decide(&discovery.Candidate{PID: 1})))
	assert.EqualValues(t, 2, s.Number(s.Decide(&discovery.Candidate{PID: 2})))
	assert.Zero(t, s.Number(s.Decide(&discovery.Candidate{PID: 3})))
}

func TestConfigNoProbes(t *testing.T) {
	cfg, err := load(t, "{probes: {}}")
	require.NoError(t, err)
	assert.Empty(t, cfg.Probes)
}

// The messages are those of the real collector.
func TestConfigMistakes(t *testing.T) {
	for section, want := range map[string]string{
		"{targets: [{exe: /ok}, {exe: 'a[b'}]}":                               "receivers::ebpf::targets::1::exe: ",
		"{targets: [{cmdline: 'a(b'}]}":                                       "receivers::ebpf::targets::0::cmdline: error parsing regexp",
		"{targets: [{ports: 9-8}]}":                                           "receivers::ebpf::targets::0::ports: ",
		"{targets: [{pid: -1}]}":                                              "receivers::ebpf::targets::0::pid: -1 is not between",
		"{targets: [{container_id: XYZ}]}":                                    "receivers::ebpf::targets::0::container_id: ",
		"{exclude: [{cgroup: '['}]}":                                          "receivers::ebpf::exclude::0::cgroup: ",
		"{targets: [{service_name: x}]}":                                      "receivers::ebpf::targets::0: needs at least one of exe",
		"{targets: [{binary: x}]}":                                            "binary: there is no such key; known are cgroup, cmdline, container_id, exe, pid, ports, protocols, service_name, user",
		"{targets: [{pid: 1, protocols: {forbid: [http, gopher]}}]}":          `receivers::ebpf::targets::0::protocols::forbid::1: "gopher" is not known; known are http, http1, http2, `,
		"{targets: [{pid: 1, protocols: {force: {gopher: 70}}}]}":             `"gopher" is not known`,
		"{targets: [{pid: 1, protocols: {force: {redis: 9-8}}}]}":             `receivers::ebpf::targets::0::protocols::force::redis: range "9-8" is backwards`,
		"{targets: [{pid: 1, protocols: {force: {redis: 70, nats: 60-80}}}]}": "receivers::ebpf::targets::0::protocols: force::redis: port 70 speaks two protocols",
		"{targets: [{pid: 1, protocols: {force: {http: 80}}}]}":               "receivers::ebpf::targets::0::protocols: force::http: is two protocols; use http1 or http2",
		"{targets: [{pid: 1, protocols: {force: {dns: 53}, forbid: [dns]}}]}": "receivers::ebpf::targets::0::protocols: force::dns: is forbidden, too",
		"{targets: [{pid: 1, protocols: {force: {redis: 1-9999}}}]}":          "receivers::ebpf::targets::0::protocols: force::redis: there are more than 4096 ports",
		"{targets: [{pid: 1, protocols: {force: {redis: ''}}}]}":              "receivers::ebpf::targets::0::protocols: force::redis: needs ports",
		"{targets: [{protocols: {forbid: [http]}}]}":                          "receivers::ebpf::targets::0: needs at least one of exe",
		"{targets: [{pid: 1, protocols: {allow: [http]}}]}":                   "allow: there is no such key; known are forbid, force",
		"{exclude: [{pid: 1, protocols: {forbid: [http]}}]}":                  "receivers::ebpf: exclude::0::protocols: has no meaning for what is not observed",
		"{on_unsupported: panic}":                                             `receivers::ebpf::on_unsupported: "panic" is not known; use "degrade" or "fail"`,
		"{collection_interval: 0s}":                                           "receivers::ebpf: collection_interval: must be longer than 0s",
		"{retry: {initial_interval: 0s}}":                                     "receivers::ebpf::retry: initial_interval: must be greater than 0",
		"{interval: 1s}":                                                      "interval: there is no such key; known are collection_interval, drop_capabilities, events, exclude, existing_instrumentation, limits, on_unsupported, probes, resource_attributes, retry, targets",
		"{probes: {gamma: {}}}":                                               "probes::gamma: there is no such probe; known are alpha, beta, daemon, many/NAME, old",
		"{probes: [alpha]}":                                                   "probes: must be a map of probe names",
		"{probes: {alpha: 5}}":                                                "probes::alpha: must be a map",
		"{probes: {alpha: {width: 1}}}":                                       "probes::alpha: width: there is no such key; known are depth",
		"{probes: {alpha: {depth: deep}}}":                                    "probes::alpha: decoding failed",
		"{probes: {alpha: {depth: -1}}}":                                      "receivers::ebpf::probes::alpha: depth: must not be negative",
		"{probes: {beta: {depth: 1}}}":                                        `probes::beta: has no configuration, but "depth" is set`,
		"{probes: {many: {}}}":                                                "probes::many: it needs a name, as in many/mine",
		"{probes: {alpha/one: {}}}":                                           "probes::alpha/one: there is only one probe alpha, which has no name",
		"{probes: {many/: {}}}":                                               `probes::many/: "" is no name of a probe`,
		"{probes: {many/one: {width: 1}}}":                                    "probes::many/one: width: there is no such key; known are depth",
		"{probes: {many/one: {depth: -1}}}":                                   "depth: must not be negative",
		"{variants: {gamma: fast}}":                                           "variants::gamma: there is no such probe; known are alpha, beta, daemon, many/NAME, old",
		"{variants: {alpha: best}}":                                           `variants::alpha: the probe has no variant "best"; it has fast, slow`,
		"{variants: {beta: fast}}":                                            "variants::beta: the probe has no variants",
		"{resource_attributes: {host.nam: {}}}":                               "host.nam",
		"{resource_attributes: {host.name: {events_include: [{strict: x}]}}}": "resource_attributes::host.name::events_include: is not supported",
	} {
		t.Run(section, func(t *testing.T) {
			_, err := load(t, section)
			require.Error(t, err)
			assert.ErrorContains(t, err, want)
		})
	}
}

// A probe that costs much is not among the defaults.
func TestOptInProbesWaitForTheirSection(t *testing.T) {
	cfg := newDefaultConfig(map[string]probe.Factory{
		"cheap": {Manifest: probe.Manifest{Name: "cheap", Kind: probe.Instrument}},
		"dear":  {Manifest: probe.Manifest{Name: "dear", Kind: probe.Instrument, OptIn: true}},
	})
	require.Contains(t, cfg.Probes, "cheap")
	require.NotContains(t, cfg.Probes, "dear")
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"probes": map[string]any{"dear": nil}}).Unmarshal(cfg))
	require.Contains(t, cfg.Probes, "dear")
	require.NotContains(t, cfg.Probes, "cheap")
}

// Each section of a type with instances is a probe of its own.
func TestInstances(t *testing.T) {
	cfg, err := load(t, "{probes: {many/one: {}, many/two: {depth: 7}, alpha: {}}}")
	require.NoError(t, err)
	assert.Equal(t, &alphaConfig{Depth: 5}, cfg.Probes["many/one"])
	assert.Equal(t, &alphaConfig{Depth: 7}, cfg.Probes["many/two"])
	factories, err := cfg.instances(cfg.Probes)
	require.NoError(t, err)
	var names []string
	for _, f := range factories {
		names = append(names, f.Manifest.Name)
	}
	assert.ElementsMatch(t, []string{"alpha", "beta", "daemon", "old", "many/one", "many/two"}, names)

	cfg.Variants = map[string]string{"many/two": "other"}
	require.NoError(t, cfg.Validate())
	_, err = cfg.instances(cfg.Probes)
	assert.EqualError(t, err, `variants::many/two: the probe has no variant "other"`)

	cfg, err = load(t, "{probes: {many/one: {depth: 99}}}")
	require.NoError(t, err)
	_, err = cfg.instances(cfg.Probes)
	assert.EqualError(t, err, "probes::many/one: depth: 99 is a mistake")

	cfg, err = load(t, "{}")
	require.NoError(t, err)
	assert.NotContains(t, cfg.Probes, "many")
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMistakesInTheConfiguration asks the collector to validate configurations
// that are wrong: it must say where and what is known instead.
func TestMistakesInTheConfiguration(t *testing.T) {
	if testing.Short() {
		t.Skip("runs bin/otelcol-ebpf: not with -short")
	}
	exe := collectorPath(t)
	for name, c := range map[string]struct {
		section string
		says    []string
	}{
		"bad glob":       {"targets: [{exe: '/usr/[bin'}]", []string{"receivers::ebpf::targets", "0", "exe"}},
		"bad regexp":     {"targets: [{pid: 1}, {cmdline: '('}]", []string{"receivers::ebpf::targets", "1", "cmdline"}},
		"bad port":       {"exclude: [{ports: '80-x'}]", []string{"receivers::ebpf::exclude", "0", "ports"}},
		"empty target":   {"targets: [{service_name: a}]", []string{"receivers::ebpf::targets", "0", "needs at least one of exe, cmdline, ports"}},
		"unknown key":    {"target: []", []string{"receivers", "ebpf", "target: there is no such key", "targets"}},
		"unknown field":  {"targets: [{exec: /bin/true}]", []string{"targets", "0", "exec: there is no such key", "exe"}},
		"unknown probe":  {"probes: {htp: {}}", []string{"probes::htp", "there is no such probe", "http", "process"}},
		"unknown option": {"probes: {http: {rotes: []}}", []string{"probes::http", "rotes: there is no such key", "routes"}},
		"bad option":     {"probes: {http: {sampling: {ratio: 2}}}", []string{"receivers::ebpf::probes::http", "sampling::ratio", "between 0 and 1"}},
		"bad policy":     {"on_unsupported: ignore", []string{"receivers::ebpf::on_unsupported", "degrade", "fail"}},
		"bad interval":   {"collection_interval: 0s", []string{"receivers::ebpf", "collection_interval", "longer than 0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "collector.yaml")
			text := "receivers:\n  ebpf:\n    " + c.section + `
exporters: {debug: {}}
service: {pipelines: {traces: {receivers: [ebpf], exporters: [debug]}}}
`
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			out, err := exec.Command(exe, "validate", "--config=file:"+path).CombinedOutput()
			require.Error(t, err, "it was accepted")
			for _, s := range c.says {
				assert.Contains(t, string(out), s)
			}
		})
	}
}

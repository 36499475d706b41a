// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// The section that describe prints is one, for each object, and is accepted once what it
// leaves open is filled in.
func TestDescribe(t *testing.T) {
	paths, err := filepath.Glob("testdata/*_bpfel.o")
	require.NoError(t, err)
	open := map[string]string{ // what somebody has to say
		"execlog": `{outputs: [{map: execs, layout: "__u64 time; __u32 pid;", log: {name: x}}]}`,
		"threads": `{outputs: [{iter: count_threads, type: threads, metric: {name: x, type: gauge, value: number}}]}`,
		"hooks":   `{attach: {on_tcx: {interfaces: [lo]}, on_xdp: {interfaces: [lo]}, on_socket: {interfaces: [lo]}, on_sk_msg: {map: sockets}}}`,
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), "_bpfel.o")
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, Describe(&out, path))
			_, section, ok := strings.Cut(out.String(), "\nreceivers:")
			require.True(t, ok)
			r, err := confmap.NewRetrievedFromYAML([]byte("receivers:" + section))
			require.NoError(t, err, section)
			all, err := r.AsConf()
			require.NoError(t, err)
			conf, err := all.Sub("receivers::ebpf::probes::object/" + name)
			require.NoError(t, err)
			if more := open[name]; more != "" {
				r, err := confmap.NewRetrievedFromYAML([]byte(more))
				require.NoError(t, err)
				rest, err := r.AsConf()
				require.NoError(t, err)
				require.NoError(t, conf.Merge(rest))
			}
			cfg := defaultConfig().(*Config)
			require.NoError(t, conf.Unmarshal(cfg))
			require.NoError(t, confmap.Validate(cfg))
			f, err := instance("object/"+name, cfg)
			require.NoError(t, err)
			assert.NotZero(t, f.Manifest.Signals)
		})
	}
}

func TestDescribeMistakes(t *testing.T) {
	var out bytes.Buffer
	assert.ErrorContains(t, Describe(&out, "testdata/common.h"), "testdata/common.h: it is no BPF object: ")
	assert.ErrorContains(t, Describe(&out, "/nowhere"), "no such file")
}

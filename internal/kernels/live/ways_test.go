// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
)

// TestWays: exchanges are seen in whichever way programs move their bytes, and are
// of the process that moves them, also where it inherited or was passed the descriptor.
func TestWays(t *testing.T) {
	livetest.RequireRoot(t)
	able, _, runs := choices(t)
	if _, ok := runs["http"]; !ok {
		t.Skip("this kernel does not let the probe http run")
	}
	for i, c := range able {
		if i > 0 && c.forced["socket"] == nil {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			livetest.CheckLeaks(t)
			testWays(t, c, runs["socket"])
		})
	}
}

func testWays(t *testing.T, c choice, variant string) {
	settings := map[string]any{"probes": httpAlone()}
	if c.forced != nil {
		variant = c.forced["socket"].(string)
		settings["variants"] = map[string]any{"socket": variant}
	}
	sinks := &telemetry{}
	stop, _, err := run(t, sinks, settings)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, stop()) })
	require.Equal(t, variant, sinks.running(t)["socket"])
	declared := losses("socket", variant)
	loses := func(what string) bool {
		return slices.ContainsFunc(declared, func(s string) bool { return strings.Contains(s, what) })
	}

	w := &workload{roles: map[string]string{}, spans: map[string]int{}}
	for _, on := range []struct{ network, address, path string }{
		{"tcp", "127.0.0.1:0", "/ipv4/"},
		{"tcp", "[::1]:0", "/ipv6/"},
		{"unix", t.TempDir() + "/socket", "/unix/"},
	} {
		without := ""
		if loses("first message of sendmmsg") || on.network == "unix" && loses("Unix sockets that io_uring, sendmmsg") {
			without += ",mmsg"
		}
		if on.network == "unix" && loses("its length is known, but not over Unix sockets") {
			without += ",sendfile,splice"
		}
		left := strings.Split(without, ",")
		server := w.start(t, func(int) {}, "way-server", on.network, on.address, on.path, without)
		address, err := server.out.ReadString('\n')
		require.NoError(t, err)
		client := w.start(t, func(int) {}, "way-client", on.network, strings.TrimSpace(address), on.path, without)
		require.True(t, client.end(t).Success())
		require.True(t, server.end(t).Success())
		if on.network == "unix" && loses("bytes over Unix sockets") {
			continue
		}
		for i := range ways {
			if slices.Contains(left, ways[i].name) {
				continue
			}
			heirs := map[string]string{"child": "-child", "passed": "-heir"}[ways[i].name]
			w.spans["Server way-server"+heirs+" GET "+on.path+ways[i].name+" 200"] = 2
			w.spans["Client way-client"+heirs+" GET "+on.path+ways[i].name+" 200"] = 2
		}
	}
	for began := time.Now(); sinks.traces.SpanCount() < w.exchanges() && time.Since(began) < 20*time.Second; {
		time.Sleep(50 * time.Millisecond)
	}
	assert.Empty(t, sinks.lost(t), "nothing is lost")
	require.NoError(t, stop())
	assert.Equal(t, w.spans, sinks.byService())
}

// losses are those that a probe's manifest declares of a variant.
func losses(name, variant string) []string {
	for _, f := range probes.All() {
		for _, v := range f.Manifest.Variants {
			if f.Manifest.Name == name && v.Name == variant {
				return v.Loses
			}
		}
	}
	return nil
}

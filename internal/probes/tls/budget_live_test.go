// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tls_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// runs is how often the kernel says that uprobes of this Daemon ran.
func runs(t *testing.T) (n uint64) {
	t.Helper()
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, unix.ENOENT) {
			return n
		}
		require.NoError(t, err)
		id = next
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // gone meanwhile
		}
		info, err := p.Info()
		require.NoError(t, err)
		if strings.HasPrefix(info.Name, "tls_go_") {
			stats, err := p.Stats()
			require.NoError(t, err)
			n += stats.RunCount
		}
		require.NoError(t, p.Close())
	}
}

// A server that is busier than the budget allows has its probes attached a part of the time, so
// that the mean comes to the budget, which is said once. When it is less busy it is seen as a whole.
func TestLiveBudget(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	exe := buildHTTPS(t, toolchains()[len(toolchains())-1])
	port := dbtest.FreePort(t)
	dbtest.Serve(t, port, exec.Command(exe, "serve", strconv.Itoa(port)))
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	require.NoError(t, err)
	defer stats.Close()

	const budget = 200
	core, logs := observer.New(zapcore.InfoLevel)
	r := dbtest.StartLogging(t, map[string]any{
		"targets": []any{map[string]any{"exe": exe}},
		"probes":  map[string]any{"http": nil, "tls": map[string]any{"max_hits_per_second": budget}},
	}, zap.New(core))
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer c.CloseIdleConnections()
	get := func(path string) {
		res, err := c.Get(fmt.Sprintf("https://127.0.0.1:%d%s", port, path))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	seen := func(prefix string) map[string]int {
		paths := map[string]int{}
		for _, s := range r.Spans(port) {
			path, _ := dbtest.Attribute(s.Attributes(), "url.path").(string)
			if s.Kind() == ptrace.SpanKindServer && strings.HasPrefix(path, prefix) {
				paths[path]++
			}
		}
		return paths
	}
	// The executable is looked into when its process is known to use TLS.
	require.Eventually(t, func() bool {
		get("/before")
		return len(seen("/before")) > 0
	}, 10*time.Second, 200*time.Millisecond)

	// Some 400 requests a second, of two hits at least.
	asked, before, begun := 0, runs(t), time.Now()
	for pace := time.NewTicker(2500 * time.Microsecond); time.Since(begun) < 8*time.Second; <-pace.C {
		get(fmt.Sprint("/busy/", asked))
		asked++
	}
	took := time.Since(begun).Seconds()
	hits := float64(runs(t)-before) / took
	busy := seen("/busy/")
	t.Logf("%.0f requests/s, %.0f hits/s, %d of %d requests seen", float64(asked)/took, hits, len(busy), asked)
	require.Greater(t, float64(asked)/took, 1.0*budget, "the load is more than the budget")
	assert.Less(t, hits, 2.0*budget) // the first second is over it
	assert.Greater(t, hits, 0.2*budget)
	assert.NotEmpty(t, busy)
	assert.Less(t, len(busy), asked)
	for path, n := range busy {
		assert.Equal(t, 1, n, path)
	}
	assert.Equal(t, 1, logs.FilterMessageSnippet("max_hits_per_second").Len())

	// It is attached for good when that is known to be enough.
	require.Eventually(t, func() bool {
		get("/calm")
		return logs.FilterMessageSnippet("all of the time again").Len() > 0
	}, 30*time.Second, 100*time.Millisecond)
	const n = 20 // of some hits each: far below the budget
	for i := range n {
		get(fmt.Sprint("/after/", i))
		time.Sleep(50 * time.Millisecond)
	}
	assert.Eventually(t, func() bool { return len(seen("/after/")) == n }, 10*time.Second, 100*time.Millisecond)
	for path, n := range seen("/after/") {
		assert.Equal(t, 1, n, path)
	}
	for _, p := range []string{"socket", "tls", "http"} {
		a := r.Account(p)
		assert.Equal(t, a["seen"], a["delivered"]+a["filtered"]+a["sampled_out"]+a["lost"], "%s: %v", p, a)
		t.Log(p, a)
	}
	assert.Equal(t, 1, logs.FilterMessageSnippet("max_hits_per_second").Len())
}

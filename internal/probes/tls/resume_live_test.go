// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tls_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/emit"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/manager"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
)

// The programs are detached in the middle of a request and attached again: the connection,
// which stays open, shows what comes after that at once and with its own durations.
func TestLiveResume(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	exe := buildHTTPS(t, toolchains()[len(toolchains())-1])
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	server := exec.Command(exe, "serve", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })

	traces := &consumertest.TracesSink{}
	m := observeExe(t, exe, traces)
	var conn *tls.Conn
	require.Eventually(t, func() bool {
		conn, err = tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	defer conn.Close()
	answers := bufio.NewReader(conn)
	begin := func(path string) {
		_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n", path)
		require.NoError(t, err)
	}
	finish := func() {
		_, err := io.WriteString(conn, "hello")
		require.NoError(t, err)
		res, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
	// The executable is looked into when its process is known to use TLS.
	require.Eventually(t, func() bool {
		begin("/before")
		finish()
		return len(paths(traces)["/before"]) > 0
	}, 10*time.Second, 100*time.Millisecond)

	begin("/half")
	time.Sleep(50 * time.Millisecond) // the server reads it
	require.NoError(t, m.Pause())
	finish()
	time.Sleep(time.Second)
	require.NoError(t, m.Resume(t.Context()))
	const n = 10
	for i := range n {
		begin(fmt.Sprintf("/after/%d", i))
		finish()
	}
	assert.EventuallyWithT(t, func(t *assert.CollectT) {
		seen := paths(traces)
		for i := range n {
			for _, took := range seen[fmt.Sprintf("/after/%d", i)] {
				assert.Less(t, took, 250*time.Millisecond)
			}
			assert.Len(t, seen[fmt.Sprintf("/after/%d", i)], 1, "/after/%d", i)
		}
	}, 5*time.Second, 50*time.Millisecond)
	assert.Empty(t, paths(traces)["/half"], "nobody saw how it ended")
}

// observeExe runs a receiver with the Instrument http for an executable.
func observeExe(t *testing.T, exe string, traces *consumertest.TracesSink) *manager.Manager {
	t.Helper()
	return observeLogged(t, exe, traces, zap.NewNop())
}

func observeLogged(t *testing.T, exe string, traces *consumertest.TracesSink, logger *zap.Logger) *manager.Manager {
	t.Helper()
	target, err := discovery.Selector{Exe: exe}.Compile()
	require.NoError(t, err)
	chosen := map[string]any{}
	for _, f := range probes.All() {
		if f.Manifest.Name == "http" {
			chosen["http"] = f.DefaultConfig()
		}
	}
	set := receivertest.NewNopSettings(metadata.Type)
	set.Logger = logger
	m := manager.New(manager.Settings{
		Receiver: set, Factories: probes.All(), Traces: traces,
		Config: manager.Config{
			CollectionInterval: time.Second, Probes: chosen, FailUnsupported: true, Retry: emit.DefaultRetryConfig(),
			Selection: &discovery.Selection{Self: uint32(os.Getpid()), Targets: []*discovery.Matcher{target}},
		},
	})
	require.NoError(t, m.Start(t.Context()))
	stop := sync.OnceValue(func() error { return m.Shutdown(context.WithoutCancel(t.Context())) })
	t.Cleanup(func() { assert.NoError(t, stop()) })
	return m
}

// paths are the durations of spans by path.
func paths(traces *consumertest.TracesSink) map[string][]time.Duration {
	out := map[string][]time.Duration{}
	for _, td := range traces.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, scope := range rs.ScopeSpans().All() {
				for _, s := range scope.Spans().All() {
					if path, ok := s.Attributes().Get("url.path"); ok && s.Kind() == ptrace.SpanKindServer {
						out[path.Str()] = append(out[path.Str()], s.EndTimestamp().AsTime().Sub(s.StartTimestamp().AsTime()))
					}
				}
			}
		}
	}
	return out
}

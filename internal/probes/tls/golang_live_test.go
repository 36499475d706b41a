// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tls_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// toolchains are those of the environment variable GO_TOOLCHAINS, as "1.17.13 1.21.13", and
// the one that runs the test.
func toolchains() []string {
	return append(strings.Fields(os.Getenv("GO_TOOLCHAINS")), strings.TrimPrefix(runtime.Version(), "go"))
}

// buildHTTPS builds the program of testdata without symbols.
func buildHTTPS(t *testing.T, version string) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "https")
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", exe, ".")
	cmd.Dir = "testdata/https"
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=go"+version, "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
	if version == strings.TrimPrefix(runtime.Version(), "go") {
		cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "CGO_ENABLED=0")
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return exe
}

// A server and a client of Go, each request with a path of its own: it has one span on
// each side.
func TestLiveGo(t *testing.T) {
	livetest.RequireRoot(t)
	for _, version := range toolchains() {
		t.Run(version, func(t *testing.T) { testGo(t, version) })
	}
}

func testGo(t *testing.T, version string) {
	livetest.CheckLeaks(t)
	exe := buildHTTPS(t, version)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	server := exec.Command(exe, "serve", strconv.Itoa(port))
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })

	sink := new(consumertest.TracesSink)
	f := ebpfreceiver.NewFactory()
	cfg := f.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"targets": []any{map[string]any{"exe": exe, "service_name": "https"}}, "probes": map[string]any{"http": nil, "go": nil},
	}).Unmarshal(cfg))
	set := receivertest.NewNopSettings(f.Type())
	set.Logger = zaptest.NewLogger(t)
	r, err := f.CreateTraces(context.Background(), set, cfg, sink)
	require.NoError(t, err)
	require.NoError(t, r.Start(context.Background(), componenttest.NewNopHost()))
	time.Sleep(500 * time.Millisecond)

	const n, callers = 25, 16
	for _, protocol := range []string{"h1", "h2"} {
		get := exec.Command(exe, "get", strconv.Itoa(n), strconv.Itoa(callers), protocol, fmt.Sprintf("https://127.0.0.1:%d/%s", port, protocol))
		out, err := get.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	require.NoError(t, r.Shutdown(context.Background()))

	paths := map[ptrace.SpanKind]map[string]int{ptrace.SpanKindServer: {}, ptrace.SpanKindClient: {}}
	versions := map[string]int{}
	for _, td := range sink.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, scope := range rs.ScopeSpans().All() {
				for _, s := range scope.Spans().All() {
					a := s.Attributes().AsRaw()
					path, ok := a["url.path"].(string)
					if !ok {
						_, path, _ = strings.Cut(strings.TrimPrefix(fmt.Sprint(a["url.full"]), "https://"), "/")
						path = "/" + path
					}
					paths[s.Kind()][path]++
					versions[fmt.Sprint(s.Kind(), path[:3], a["network.protocol.version"])]++
					assert.EqualValues(t, 200, a["http.response.status_code"], path)
				}
			}
		}
	}
	assert.Equal(t, map[string]int{
		"Server/h11.1": n * callers, "Client/h11.1": n * callers, "Server/h22": n * callers, "Client/h22": n * callers,
	}, versions)
	for kind, seen := range paths {
		for path, times := range seen {
			assert.Equal(t, 1, times, "%s %s", kind, path)
		}
	}
}

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
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	tlsprobe "github.com/ebpfreceiver/ebpfreceiver/internal/probes/tls"
)

// toolchains are those of the environment variable GO_TOOLCHAINS, as "1.17.13 1.21.13", and
// the one that runs the test.
func toolchains() []string {
	return append(strings.Fields(os.Getenv("GO_TOOLCHAINS")), strings.TrimPrefix(runtime.Version(), "go"))
}

// buildHTTPS builds the program of testdata without symbols.
func buildHTTPS(t *testing.T, version string) string {
	t.Helper()
	return buildHTTPSFor(t, version, runtime.GOARCH)
}

func buildHTTPSFor(t *testing.T, version, arch string) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "https")
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", exe, ".")
	cmd.Dir = "testdata/https"
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=go"+version, "GOFLAGS=-mod=mod", "CGO_ENABLED=0", "GOARCH="+arch)
	if version == strings.TrimPrefix(runtime.Version(), "go") {
		cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "CGO_ENABLED=0", "GOARCH="+arch)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return exe
}

// A server and a client of Go, each request with a path of its own: it has one span on
// each side. Where each has a connection of its own, goroutines change threads during handshakes, and
// sockets are wrapped.
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
	for _, protocol := range []string{"h1", "h2", "close"} {
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
					protocol, _, _ := strings.Cut(path[1:], "/")
					versions[fmt.Sprint(s.Kind(), "/", protocol, a["network.protocol.version"])]++
					assert.EqualValues(t, 200, a["http.response.status_code"], "%s: %v", path, a)
				}
			}
		}
	}
	assert.Equal(t, map[string]int{
		"Server/h11.1": n * callers, "Client/h11.1": n * callers, "Server/h22": n * callers, "Client/h22": n * callers,
		"Server/close1.1": n * callers, "Client/close1.1": n * callers,
	}, versions)
	for kind, seen := range paths {
		for path, times := range seen {
			assert.Equal(t, 1, times, "%s %s", kind, path)
		}
	}
	record(t, support.Library{Library: "Go crypto/tls", Version: version, Program: "net/http, HTTP/1.1 and 2", Requests: 3 * n * callers})
}

// In what each toolchain builds for the other architecture, too, all places are found.
func TestGoToolchains(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the standard library for another architecture")
	}
	for _, version := range toolchains() {
		for _, arch := range []string{"amd64", "arm64"} {
			if arch == runtime.GOARCH {
				continue // TestLiveGo runs that
			}
			t.Run(version+"/"+arch, func(t *testing.T) {
				l := support.Library{Library: "Go crypto/tls", Version: version, Arch: arch, Program: "net/http, HTTP/1.1 and 2"}
				places, slow, err := tlsprobe.PlacesOf(buildHTTPSFor(t, version, arch))
				if strings.HasPrefix(version, "1.17") {
					require.EqualError(t, err, "go"+version+" passes arguments on the stack, and what is known of crypto/tls on arm64 begins with go1.18")
					l.Unseen = err.Error()
					recordPlaces(t, l)
					return
				}
				require.NoError(t, err)
				assert.False(t, slow, "the kernel emulates all of them")
				assert.Equal(t, 1, places["tls_go_read"])
				assert.NotZero(t, places["tls_go_write"])
				assert.NotZero(t, places["tls_go_handshake"])
				recordPlaces(t, l)
			})
		}
	}
}

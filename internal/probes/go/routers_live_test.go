// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"

	golang "github.com/ebpfreceiver/ebpfreceiver/internal/probes/go"
)

// Servers with routers of others print what those say of each request: so do the spans and the metrics.
func TestLiveRouters(t *testing.T) {
	livetest.RequireRoot(t)
	var targets []any
	var tests []func(*dbtest.Receiver, map[string]int)
	for _, tt := range []struct {
		module, version string
		http2           bool
		flags           []string
	}{
		{"github.com/gin-gonic/gin", "", false, []string{"-ldflags=-s -w"}},
		{"github.com/gin-gonic/gin", "v1.9.1", false, nil},
		{"github.com/go-chi/chi/v5", "", true, []string{"-ldflags=-s -w"}},
		{"github.com/go-chi/chi/v5", "v5.0.12", false, []string{"-ldflags=-s -w"}},
		{"github.com/gorilla/mux", "", false, []string{"-ldflags=-s -w"}},
		{"github.com/gorilla/mux", "v1.8.0", false, []string{"-buildmode=pie"}},
		{"github.com/labstack/echo/v4", "", false, []string{"-ldflags=-s -w"}},
		{"github.com/labstack/echo/v4", "v4.9.1", false, []string{"-ldflags=-s -w"}},
	} {
		name := strings.TrimPrefix(tt.module, "github.com/") + " " + tt.version
		if tt.http2 {
			name += " HTTP/2"
		}
		exe := golang.BuildRouter(t, tt.module, tt.version, runtime.GOARCH, tt.flags...)
		targets = append(targets, map[string]any{"exe": exe})
		tests = append(tests, func(r *dbtest.Receiver, routes map[string]int) {
			t.Run(name, func(t *testing.T) { testRouter(t, r, exe, tt.http2, routes) })
		})
	}
	livetest.CheckLeaks(t)
	r := dbtest.Start(t, map[string]any{
		"targets": targets, "probes": map[string]any{"http": nil, "go": nil}, "collection_interval": "200ms",
	})
	routes := map[string]int{}
	for _, test := range tests {
		test(r, routes)
	}
	t.Log(r.Account("go"), len(routes), "routes")
	r.Shutdown()
	for route, n := range routes {
		if route == "" {
			continue // nor have those one that were asked first
		}
		assert.EqualValues(t, n, r.Measured("http.server.request.duration", by(route)), route)
	}
}

// testRouter adds how often the server says that it chose a route to routes.
func testRouter(t *testing.T, r *dbtest.Receiver, exe string, http2 bool, routes map[string]int) {
	port := dbtest.FreePort(t)
	said := filepath.Join(t.TempDir(), "said")
	to, err := os.Create(said)
	require.NoError(t, err)
	defer to.Close()
	server := exec.Command(exe, strconv.Itoa(port))
	server.Stdout = to
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	c := &http.Client{Transport: protocols(t, http2), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	url := fmt.Sprint("http://127.0.0.1:", port)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", dbtest.Address(port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
	require.Eventually(t, func() bool {
		c.CloseIdleConnections() // one of HTTP/2 that is older than the probe has no routes
		ask(t, c, "GET", url+first, "")
		for _, s := range r.Spans(port) {
			if dbtest.Attribute(s.Attributes(), "http.route") == first {
				return true
			}
		}
		return false
	}, 20*time.Second, 50*time.Millisecond)

	const callers, each = 16, 10
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for j := range each {
				for _, q := range [][2]string{
					{"GET", fmt.Sprint("/users/", i, j)}, {"POST", "/users"}, {"GET", "/"}, {"GET", "/nowhere"}, {"GET", fmt.Sprintf("/files/%d/a", j)},
					{"GET", fmt.Sprint("/api/v1/items/", i)}, {"PUT", fmt.Sprintf("/api/v1/items/%d/parts/%d", i, j)}, {"GET", "/stream/3"},
					{"GET", fmt.Sprintf("/api/v1/items/%d/nowhere/%d", i, j)}, {"DELETE", "/users/7"}, {"GET", fmt.Sprint("/late/", j)},
				} {
					ask(t, c, q[0], url+q[1], "")
				}
			}
		})
	}
	wg.Wait()
	const n = callers * each * 11
	served := func() (n int) {
		for _, s := range r.Spans(port) {
			if s.Kind() == ptrace.SpanKindServer && dbtest.Attribute(s.Attributes(), "url.path") != first {
				n++
			}
		}
		return n
	}
	assert.Eventually(t, func() bool { return served() >= n }, 20*time.Second, 50*time.Millisecond)
	log, err := os.ReadFile(said)
	require.NoError(t, err)
	want, total := map[string]int{}, 0
	for line := range strings.Lines(string(log)) {
		line = strings.TrimSuffix(line, "\n")
		words := strings.Split(line, " ")
		require.Len(t, words, 3, line)
		if words[1] == first {
			continue
		}
		want[line]++
		routes[words[1]]++
		total++
	}
	assert.Equal(t, n, total)
	assert.Equal(t, want, routed(t, r.Spans(port)))
}

// protocols is a client's side of one version of HTTP, without encryption.
func protocols(t *testing.T, http2 bool) *http.Transport {
	p := new(http.Protocols)
	p.SetHTTP1(!http2)
	p.SetUnencryptedHTTP2(http2)
	tr := &http.Transport{MaxIdleConnsPerHost: 64, Protocols: p}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

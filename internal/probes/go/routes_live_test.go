// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// client of servers with certificates of the test's own.
func client(t *testing.T, http2 bool) *http.Client {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2, MaxIdleConnsPerHost: 64,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ask sends a request, and gives the status.
func ask(t assert.TestingT, c *http.Client, method, url, host string) int {
	req, err := http.NewRequest(method, url, nil)
	if !assert.NoError(t, err) {
		return 0
	}
	req.Host = host
	res, err := c.Do(req)
	if !assert.NoError(t, err) {
		return 0
	}
	_, err = io.Copy(io.Discard, res.Body)
	assert.NoError(t, err)
	assert.NoError(t, res.Body.Close())
	return res.StatusCode
}

// first is the path of requests that are made until one is seen.
const first = "/uuid"

// routed are spans by "METHOD ROUTE STATUS".
func routed(t *testing.T, spans []ptrace.Span) map[string]int {
	got := map[string]int{}
	for _, s := range spans {
		path, _ := dbtest.Attribute(s.Attributes(), "url.path").(string)
		if s.Kind() != ptrace.SpanKindServer || strings.HasSuffix(path, first) {
			continue
		}
		route, _ := dbtest.Attribute(s.Attributes(), "http.route").(string)
		method := fmt.Sprint(dbtest.Attribute(s.Attributes(), "http.request.method"))
		got[fmt.Sprint(method, " ", route, " ", dbtest.Attribute(s.Attributes(), "http.response.status_code"))]++
		assert.Equal(t, strings.TrimSpace(method+" "+route), s.Name())
	}
	return got
}

// A server of others, stripped, says in its access log which pattern it chose for a request: so
// do the spans and the metrics.
func TestLiveRoutes(t *testing.T) {
	livetest.RequireRoot(t)
	exe := filepath.Join(t.TempDir(), "go-httpbin")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", exe, "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin")
	build.Dir = "testdata/httpbin"
	dbtest.Run(t, build)
	livetest.CheckLeaks(t)
	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"exe": exe}}, "probes": map[string]any{"http": nil, "go": nil}, "collection_interval": "200ms",
	})
	routes := map[string]int{}
	for _, tt := range []struct {
		name         string
		https, http2 bool
	}{{"HTTP/1", false, false}, {"HTTP/1 over TLS", true, false}, {"HTTP/2 over TLS", true, true}} {
		t.Run(tt.name, func(t *testing.T) { testRoutes(t, r, exe, tt.https, tt.http2, routes) })
	}
	t.Log(r.Account("go"), len(routes), "routes")
	r.Shutdown()
	for route, n := range routes {
		if route != "" { // nor have those some that were asked first
			assert.EqualValues(t, n, r.Measured("http.server.request.duration", by(route)), route)
		}
	}
}

// by picks points with a route, "" those without.
func by(route string) func(pcommon.Map) bool {
	return func(m pcommon.Map) bool {
		of, ok := m.Get("http.route")
		return ok && of.Str() == route || !ok && route == ""
	}
}

// testRoutes adds how often the server chose a route to routes.
func testRoutes(t *testing.T, r *dbtest.Receiver, exe string, https, http2 bool, routes map[string]int) {
	port := dbtest.FreePort(t)
	access := filepath.Join(t.TempDir(), "log")
	to, err := os.OpenFile(access, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer to.Close()
	args := []string{"-host", "127.0.0.1", "-port", strconv.Itoa(port), "-log-format", "json"}
	url := fmt.Sprint("http://127.0.0.1:", port)
	if https {
		cert, key := dbtest.Certificate(t, t.TempDir(), 0, 0)
		args = append(args, "-https-cert-file", cert, "-https-key-file", key)
		url = fmt.Sprint("https://127.0.0.1:", port)
	}
	server := exec.Command(exe, args...)
	server.Stdout, server.Stderr = to, to
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", dbtest.Address(port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
	c := client(t, http2)
	spans := func(ofFirst bool) (n int) {
		for _, s := range r.Spans(port) {
			if s.Kind() == ptrace.SpanKindServer && (dbtest.Attribute(s.Attributes(), "url.path") == first) == ofFirst {
				n++
			}
		}
		return n
	}
	// The executable is looked into when it is known to encrypt.
	require.Eventually(t, func() bool {
		ask(t, c, "GET", url+first, "")
		return spans(true) > 0
	}, 20*time.Second, 200*time.Millisecond)
	c.CloseIdleConnections() // what the new ones say is understood from the first byte on
	time.Sleep(500 * time.Millisecond)
	require.NoError(t, os.Truncate(access, 0))

	const callers, each = 16, 5
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for j := range each {
				for _, q := range [][2]string{
					{"GET", "/get?x=1"}, {"POST", "/post"}, {"DELETE", "/delete"}, {"GET", "/"}, {"GET", fmt.Sprintf("/base64/decode/aGk%d", j)},
					{"GET", fmt.Sprintf("/bytes/%d", 9000+i)}, {"PUT", "/anything/a/b"}, {"GET", fmt.Sprintf("/status/5%02d", j)},
					{"GET", "/nowhere"}, {"POST", "/get"}, {"GET", fmt.Sprintf("/redirect/%d", 1+j)}, {"GET", "/stream/3"},
				} {
					ask(t, c, q[0], url+q[1], "")
				}
			}
		})
	}
	wg.Wait()
	const n = callers * each * 12
	assert.Eventually(t, func() bool { return spans(false) >= n }, 20*time.Second, 50*time.Millisecond)
	want := map[string]int{}
	log, err := os.Open(access)
	require.NoError(t, err)
	defer log.Close()
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct {
			Status             int
			Method, URI, Route string
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line), lines.Text())
		route := line.Route
		if _, path, ok := strings.Cut(route, " "); ok {
			route = path
		}
		want[fmt.Sprint(line.Method, " ", route, " ", line.Status)]++
		routes[route]++
	}
	assert.Equal(t, want, routed(t, r.Spans(port)))
}

// Patterns with methods, hosts and wildcards, a ServeMux behind another one and on a goroutine of its
// own, behind a handler that hands a copy of the request on.
func TestLivePatterns(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	exe := filepath.Join(t.TempDir(), "routes")
	build := exec.Command("go", "build", "-o", exe, ".")
	build.Dir = "testdata/routes"
	dbtest.Run(t, build)
	port := dbtest.FreePort(t)
	dbtest.Serve(t, port, exec.Command(exe, strconv.Itoa(port)))
	requests := []struct {
		method, host, path, route string
		status                    int
	}{
		{"GET", "", "/users/7", "/users/{id}", 200}, {"POST", "", "/users", "/users", 200}, {"GET", "", "/files/a/b", "/files/{path...}", 200},
		{"GET", "example.com", "/hosted/a", "/hosted/{x}", 200}, {"GET", "example.com", "/both", "/both", 200}, {"GET", "", "/", "/{$}", 200},
		{"GET", "", "/tree/a/b", "/tree/", 200}, {"PUT", "", "/api/items/5", "/api/", 405}, {"GET", "", "/api/items/5", "/api/items/{item}", 200},
		{"GET", "", "/late/5", "/late/{x}", 200}, {"GET", "", "/tree", "", 0}, {"GET", "", "/nowhere", "", 404},
		{"GET", "", "/hosted/a", "", 404}, {"DELETE", "", "/users/7", "", 405},
	}
	const each = 20
	// Of half of them only the metrics are told.
	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"exe": exe}}, "collection_interval": "200ms",
		"probes": map[string]any{"go": nil, "http": map[string]any{"sampling": map[string]any{"ratio": 0.5}}},
	})
	c := client(t, false)
	asked, all := uint64(0), func(pcommon.Map) bool { return true }
	require.Eventually(t, func() bool {
		// Where goroutines start is followed when one of them has chosen a route.
		ask(t, c, "GET", fmt.Sprint("http://127.0.0.1:", port, "/late", first), "")
		asked++
		return r.Measured("http.server.request.duration", by("/late/{x}")) > 0
	}, 20*time.Second, 100*time.Millisecond)
	require.Eventually(t, func() bool { return r.Measured("http.server.request.duration", all) == asked }, 20*time.Second, 50*time.Millisecond)
	before, beforeAll := r.Measured("http.server.request.duration", by("/late/{x}")), r.Measured("http.server.request.duration", all)
	want, spans := map[string]int{}, map[string]int{}
	for _, q := range requests {
		if q.host != "" {
			q.host = fmt.Sprint(q.host, ":", port)
		}
		for range each {
			status := ask(t, c, q.method, fmt.Sprint("http://127.0.0.1:", port, q.path), q.host)
			if q.status != 0 {
				assert.Equal(t, q.status, status, q.path)
			}
			spans[fmt.Sprint(q.method, " ", q.route, " ", status)]++
		}
		want[q.route] += each
	}
	assert.Eventually(t, func() bool {
		return r.Measured("http.server.request.duration", all) >= beforeAll+uint64(each*len(requests))
	}, 20*time.Second, 50*time.Millisecond)
	for route, n := range want {
		got := r.Measured("http.server.request.duration", by(route))
		if route == "/late/{x}" {
			got -= before
		}
		assert.EqualValues(t, n, got, route)
	}
	r.Shutdown()
	got := routed(t, r.Spans(port))
	assert.NotEmpty(t, got)
	for what, n := range got {
		assert.LessOrEqual(t, n, spans[what], what)
	}
}

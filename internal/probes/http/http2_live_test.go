// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package http_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

func observe(t *testing.T, programs ...string) *dbtest.Receiver {
	t.Helper()
	var targets []any
	for _, p := range programs {
		targets = append(targets, map[string]any{"exe": p})
	}
	return dbtest.StartPlain(t, map[string]any{
		"collection_interval": "200ms", "targets": targets, "probes": map[string]any{"http": map[string]any{}},
	})
}

// requests counts spans of HTTP by what the conventions say of them.
func requests(spans []ptrace.Span, kind ptrace.SpanKind) map[string]int {
	out := map[string]int{}
	for _, s := range spans {
		if s.Kind() == kind {
			a := s.Attributes()
			path := dbtest.Attribute(a, "url.path")
			if full, ok := dbtest.Attribute(a, "url.full").(string); ok {
				_, path, _ = strings.Cut(strings.TrimPrefix(full, "http://"), "/")
				path = "/" + path.(string)
			}
			out[fmt.Sprint(dbtest.Attribute(a, "http.request.method"), " ", path, " ", dbtest.Attribute(a, "http.response.status_code"), " ", dbtest.Attribute(a, "network.protocol.version"))]++
		}
	}
	return out
}

// Many streams of h2load and downloads of curl from nginx: what is seen at both ends is what
// nginx has in its access log.
func TestLiveHTTP2(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	nginx, h2load, curl := dbtest.Program(t, "nginx"), dbtest.Program(t, "h2load"), dbtest.Program(t, "curl")
	port := dbtest.FreePort(t)
	dir := t.TempDir()
	for name, size := range map[string]int{"small": 100, "page": 3000, "big": 400_000} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644))
	}
	config := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `daemon off; master_process off; user root; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 256; }
http { client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
log_format seen '$request_method $uri $status 2'; access_log %[1]s/access.log seen; server { listen 127.0.0.1:%[2]d http2; root %[1]s; keepalive_requests 100000; } }`,
		dir, port), 0o644))
	r := observe(t, nginx, h2load, curl)
	cmd := exec.Command(nginx, "-c", config, "-p", dir)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	running := true
	end := func() {
		if running {
			running = false
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
			_ = cmd.Wait() // by the signal
		}
	}
	t.Cleanup(end)
	require.Eventually(t, func() bool { return listens(port) }, 10*time.Second, 20*time.Millisecond)
	url := func(path string) string { return "http://" + dbtest.Address(port) + path }
	for _, args := range [][]string{
		{"-n", "2000", "-c", "4", "-m", "20", url("/small")},
		{"-n", "1000", "-c", "2", "-m", "50", url("/page")},
		{"-n", "40", "-c", "2", "-m", "4", url("/big")},
	} {
		dbtest.Run(t, exec.Command(h2load, args...))
	}
	for _, path := range []string{"/small", "/big", "/missing"} {
		dbtest.Run(t, exec.Command(curl, "-sS", "--http2-prior-knowledge", "-o", "/dev/null", url(path)))
	}
	end()
	log, err := os.ReadFile(filepath.Join(dir, "access.log"))
	require.NoError(t, err)
	want := map[string]int{}
	for line := range strings.Lines(string(log)) {
		want[strings.TrimSpace(line)]++
	}
	total := 3043
	require.Equal(t, total, sum(want))
	require.Eventually(t, func() bool { return len(r.Spans(port)) >= 2*total-500 }, 10*time.Second, 50*time.Millisecond, "%d", len(r.Spans(port)))
	r.Shutdown()
	spans := r.Spans(port)
	assert.Equal(t, want, requests(spans, ptrace.SpanKindServer))
	assert.Equal(t, want, requests(spans, ptrace.SpanKindClient))
	for _, name := range []string{"http.server.request.duration", "http.client.request.duration"} {
		assert.EqualValues(t, total, r.Measured(name, func(m pcommon.Map) bool { return dbtest.Attribute(m, "network.protocol.version") == "2" }), name)
	}
}

// Many frames that are moved at once hide none of the headers behind them: each is needed to
// read those that follow.
func TestLiveCoalescedFrames(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	self, err := os.Executable()
	require.NoError(t, err)
	port := dbtest.FreePort(t)
	r := observe(t, self)
	stop := server(t, "web", port)
	client := counts(t, []byte(dbtest.Run(t, child(t, "bulk", strconv.Itoa(port)))))
	served := stop()
	require.Equal(t, map[string]int{"POST /bulk/of/frames 2": bulkRequests}, client)
	require.Equal(t, client, served)
	r.Shutdown()
	want := map[string]int{"POST /bulk/of/frames 200 2": bulkRequests}
	for _, kind := range []ptrace.SpanKind{ptrace.SpanKindServer, ptrace.SpanKindClient} {
		assert.Equal(t, want, requests(r.Spans(port), kind), kind)
	}
	for _, s := range r.Spans(port) {
		if s.Kind() == ptrace.SpanKindServer {
			assert.Equal(t, "bulk/1", dbtest.Attribute(s.Attributes(), "user_agent.original"))
		}
	}
}

// Connections that begin with HTTP/1.1 and go on with HTTP/2, and those that do not.
func TestLiveUpgrade(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	curl, nghttp := dbtest.Program(t, "curl"), dbtest.Program(t, "nghttp")
	self, err := os.Executable()
	require.NoError(t, err)
	port := dbtest.FreePort(t)
	r := observe(t, self, curl, nghttp)
	stop := server(t, "web", port)
	url := func(path string) string { return "http://" + dbtest.Address(port) + path }
	for range 5 {
		dbtest.Run(t, exec.Command(curl, "-sS", "--http2", url("/up"), url("/missing"), url("/again")))
		dbtest.Run(t, exec.Command(nghttp, "-nu", url("/up"), url("/more")))
		dbtest.Run(t, exec.Command(curl, "-sS", "--http2-prior-knowledge", url("/prior")))
		dbtest.Run(t, exec.Command(curl, "-sS", "--http2-prior-knowledge", "-d", strings.Repeat("y", 50_000), url("/post")))
		dbtest.Run(t, exec.Command(curl, "-sS", "--http1.1", url("/one")))
	}
	want := map[string]int{}
	for k, n := range stop() {
		f := strings.Fields(k) // method, path, version
		status := "200"
		if f[1] == "/missing" {
			status = "404"
		}
		version := map[string]string{"1": "1.1", "2": "2"}[f[2]]
		if f[1] == "/up" { // the handler sees it as the HTTP/1.1 request that it was
			version = "2"
		}
		want[strings.Join([]string{f[0], f[1], status, version}, " ")] += n
	}
	require.Equal(t, 40, sum(want), "%v", want)
	time.Sleep(time.Second) // for what would be too much
	r.Shutdown()
	spans := r.Spans(port)
	assert.Equal(t, want, requests(spans, ptrace.SpanKindServer))
	assert.Equal(t, want, requests(spans, ptrace.SpanKindClient))
}

// Python's client is another implementation of gRPC.
func TestLiveGRPCOfPython(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	python := dbtest.Program(t, "/usr/bin/python3")
	if exec.Command(python, "-c", "import grpc").Run() != nil {
		dbtest.Program(t, "python3-grpcio")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	real, err := filepath.EvalSymlinks(python)
	require.NoError(t, err)
	port := dbtest.FreePort(t)
	r := observe(t, self, real)
	stop := server(t, "server", port)
	dbtest.Run(t, exec.Command(python, "testdata/client.py", strconv.Itoa(port), "60"))
	served := stop()
	require.Equal(t, 60*6, sum(served), "%v", served)
	require.Eventually(t, func() bool { return len(r.Spans(port)) >= 2*sum(served)-500 }, 10*time.Second, 50*time.Millisecond)
	r.Shutdown()
	spans := r.Spans(port)
	assert.Equal(t, spell(served), calls(spans, ptrace.SpanKindServer))
	assert.Equal(t, spell(served), calls(spans, ptrace.SpanKindClient))
	for _, s := range spans {
		if s.Kind() == ptrace.SpanKindServer {
			assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", s.TraceID().String())
			assert.Equal(t, "b7ad6b7169203331", s.ParentSpanID().String())
		}
	}
}

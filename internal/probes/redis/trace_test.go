// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package redis_test

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// service answers HTTP requests with what Redis says, over one connection.
const service = `
import http.server, socket, sys
redis = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        redis.sendall(b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n")
        body = redis.recv(100)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`

// A command is sent while its thread serves a request: the request is its parent, and it
// is the parent of what Redis does.
func TestLiveOneTrace(t *testing.T) {
	livetest.CheckLeaks(t)
	port := server(t)
	web := dbtest.FreePort(t)
	dbtest.Serve(t, web, exec.Command(dbtest.Program(t, "python3"), "-c", service, fmt.Sprint(web), fmt.Sprint(port)))
	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"ports": fmt.Sprintf("%d,%d", web, port)}},
		"probes":  map[string]any{"http": map[string]any{}, "redis": map[string]any{}},
	})
	const requests = 50
	for range requests {
		resp, err := http.Get("http://" + dbtest.Address(web) + "/")
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	http.DefaultClient.CloseIdleConnections()
	r.Shutdown()
	roots := map[string]ptrace.Span{}
	for _, s := range r.Spans(web) {
		roots[s.SpanID().String()] = s
	}
	require.Len(t, roots, requests)
	clients := map[string]ptrace.Span{}
	servers := 0
	for _, s := range r.Spans(port) {
		if s.Kind() == ptrace.SpanKindClient {
			clients[s.SpanID().String()] = s
			parent, ok := roots[s.ParentSpanID().String()]
			require.True(t, ok, "INCR has a request as its parent")
			assert.Equal(t, parent.TraceID(), s.TraceID())
		}
	}
	for _, s := range r.Spans(port) {
		if s.Kind() == ptrace.SpanKindServer {
			servers++
			parent, ok := clients[s.ParentSpanID().String()]
			require.True(t, ok, "what Redis did has the client's INCR as its parent")
			assert.Equal(t, parent.TraceID(), s.TraceID())
			assert.Equal(t, "INCR", dbtest.Attribute(s.Attributes(), "db.operation.name"))
		}
	}
	assert.Len(t, clients, requests)
	assert.Equal(t, requests, servers)
}

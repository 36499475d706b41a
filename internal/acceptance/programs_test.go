// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Each program serves a request that curl sends, and sends one itself.
func TestProgramsOnBothSides(t *testing.T) {
	beside(t)
	n := startNginx(t, noBackend)
	services := map[string]*service{"python3": startPython(t), "node": startNode(t), "go": startGo(t)}
	var section strings.Builder
	fmt.Fprintf(&section, "probes: {http: {}}\ntargets:\n  - ports: %d\n  - exe: /**/curl\n", n.port)
	for name, s := range services {
		fmt.Fprintf(&section, "  - {pid: %d, service_name: my-%s}\n", s.pid(), name)
	}
	c := startCollector(t, section.String())
	for _, s := range services {
		run(t, "curl", "-sS", "--fail", s.calls(n.url("/hello?from=a&sig=secret")))
	}
	n.quit(t)
	c.settle(t)
	c.shutdown(t)
	curls := c.spansOf(ptrace.SpanKindClient, func(a attrs) bool { return a["service.name"] == "curl" })
	for name, s := range services {
		t.Run(name, func(t *testing.T) {
			servers := c.spansOf(ptrace.SpanKindServer, of(s.pid()))
			require.Len(t, servers, 1)
			checkServer(t, servers[0], s, "my-"+name)
			clients := c.spansOf(ptrace.SpanKindClient, of(s.pid()))
			require.Len(t, clients, 1)
			checkClient(t, clients[0], n.port, n.url("/hello?from=a&sig=REDACTED"))
			var curl []span
			for _, sp := range curls {
				if sp.attr("server.port") == int64(s.port) {
					curl = append(curl, sp)
				}
			}
			require.Len(t, curl, 1)
			checkClient(t, curl[0], s.port, s.calls(n.url("/hello?from=a&sig=secret")))
			assert.Equal(t, curl[0].TraceID(), servers[0].TraceID())
			assert.Equal(t, curl[0].SpanID(), servers[0].ParentSpanID(), "the server's parent is the other end of the wire")
			assert.LessOrEqual(t, curl[0].StartTimestamp(), servers[0].StartTimestamp())
			assert.EqualValues(t, 1, c.countOf(serverDuration, of(s.pid())))
			assert.EqualValues(t, 1, c.countOf(clientDuration, of(s.pid())))
		})
	}
}

func checkServer(t *testing.T, sp span, s *service, name string) {
	t.Helper()
	assert.Equal(t, "GET", sp.Name())
	assert.Equal(t, name, sp.resource["service.name"])
	assert.EqualValues(t, s.pid(), sp.resource["process.pid"])
	assert.Contains(t, sp.resource, "process.executable.path")
	assert.Contains(t, sp.resource, "service.instance.id")
	got := attrs(sp.Attributes().AsRaw())
	want := attrs{
		"http.request.method": "GET", "http.response.status_code": int64(200), "url.scheme": "http", "url.path": "/call",
		"server.address": "127.0.0.1", "server.port": int64(s.port), "network.protocol.version": "1.1",
		"client.address": "127.0.0.1", "network.peer.address": "127.0.0.1",
	}
	for k, v := range want {
		assert.Equal(t, v, got[k], k)
	}
	agent, _ := got["user_agent.original"].(string)
	assert.True(t, strings.HasPrefix(agent, "curl/"), agent)
	assert.NotContains(t, got, "url.full")
	assert.NotContains(t, got, "error.type")
	assert.NotContains(t, got, "http.route")
}

func checkClient(t *testing.T, sp span, port int, url string) {
	t.Helper()
	assert.Equal(t, "GET", sp.Name())
	got := attrs(sp.Attributes().AsRaw())
	want := attrs{
		"http.request.method": "GET", "http.response.status_code": int64(200), "url.full": url,
		"server.address": "127.0.0.1", "server.port": int64(port), "network.protocol.version": "1.1",
		"network.peer.address": "127.0.0.1", "network.peer.port": int64(port),
	}
	for k, v := range want {
		assert.Equal(t, v, got[k], k)
	}
	assert.NotContains(t, got, "url.path")
	assert.Greater(t, sp.EndTimestamp(), sp.StartTimestamp())
}

// A connection that was made, and used, before the collector started.
func TestConnectionOlderThanTheCollector(t *testing.T) {
	beside(t)
	n := startNginx(t, noBackend)
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.port))
	require.NoError(t, err)
	defer conn.Close()
	r := bufio.NewReader(conn)
	get := func(path string) {
		_, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: test\r\n\r\n")
		require.NoError(t, err)
		receive(t, r, "GET")
	}
	get("/hello?before")
	c := startCollector(t, n.target()+"probes: {http: {}}")
	get("/hello?after=1")
	get("/missing?after=2")
	pids := n.pids(t)
	require.NoError(t, conn.Close())
	n.quit(t)
	c.settle(t)
	c.shutdown(t)
	spans := c.spansOf(ptrace.SpanKindServer, of(pids...))
	require.Len(t, spans, 2)
	assert.Equal(t, "after=1", spans[0].attr("url.query"))
	assert.Equal(t, "/missing", spans[1].attr("url.path"))
	assert.Equal(t, int64(404), spans[1].attr("http.response.status_code"))
}

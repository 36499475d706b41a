// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// exchange is what a span and a line of the access log have in common.
type exchange struct {
	method string
	status int
	uri    string
}

// byConnection puts the lines of the access log in order under the client's port.
func byConnection(entries []entry) map[int][]exchange {
	found := map[int][]exchange{}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.Requests - b.Requests })
	for _, e := range entries {
		found[e.RemotePort] = append(found[e.RemotePort], exchange{e.Method, e.Status, e.URI})
	}
	return found
}

// spansByConnection does the same with the spans of servers.
func spansByConnection(spans []span) map[int][]exchange {
	found := map[int][]exchange{}
	for _, sp := range spans {
		port, _ := sp.attr("network.peer.port").(int64)
		status, _ := sp.attr("http.response.status_code").(int64)
		uri, _ := sp.attr("url.path").(string)
		if q, ok := sp.attr("url.query").(string); ok {
			uri += "?" + q
		}
		method, _ := sp.attr("http.request.method").(string)
		if original, ok := sp.attr("http.request.method_original").(string); ok {
			method = original
		}
		found[int(port)] = append(found[int(port)], exchange{method, int(status), uri})
	}
	return found
}

// conversation sends requests as bytes, in one write each, on one connection,
// and reads as many responses as methods are named. It tells when it had each.
func conversation(t *testing.T, address string, turns ...func() (request string, methods []string)) (got []time.Time) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	r := bufio.NewReader(conn)
	for _, turn := range turns {
		request, methods := turn()
		_, err := io.WriteString(conn, request)
		require.NoError(t, err)
		for _, m := range methods {
			receive(t, r, m)
			got = append(got, time.Now())
		}
	}
	return got
}

// receive reads a whole response.
func receive(t *testing.T, r *bufio.Reader, method string) {
	t.Helper()
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
}

// ask is a request without a body.
func ask(method, path string) func() (string, []string) {
	return func() (string, []string) {
		return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: test\r\n\r\n", method, path), []string{method}
	}
}

// pipeline is n requests in one write.
func pipeline(n int, path string) func() (string, []string) {
	return func() (string, []string) {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "GET %s?n=%d HTTP/1.1\r\nHost: test\r\n\r\n", path, i)
		}
		return b.String(), slices.Repeat([]string{"GET"}, n)
	}
}

func TestMixedRequestsAgreeWithTheAccessLog(t *testing.T) {
	beside(t)
	python := startPython(t, "threads")
	n := startNginx(t, python.port)
	c := startCollector(t, n.target()+"probes: {http: {}}")
	mixedRequests(t, n)

	pids := n.pids(t)
	entries := n.quit(t)
	a := c.settle(t)["http"]
	c.shutdown(t)
	spans := c.spansOf(ptrace.SpanKindServer, of(pids...))
	assert.Zero(t, a.totalLost(), "%v", a.lost)
	assert.Len(t, spans, len(entries))
	assert.EqualValues(t, len(entries), c.countOf(serverDuration, of(pids...)))
	want, got := byConnection(entries), spansByConnection(spans)
	for port, exchanges := range want {
		compare(t, port, exchanges, got[port])
		delete(got, port)
	}
	assert.Empty(t, got, "connections that nginx did not have")
	checkServerSpans(t, spans)
	checkUpstream(t, c.spansOf(ptrace.SpanKindClient, of(pids...)), spans, entries)
}

// mixedRequests makes requests of all kinds.
func mixedRequests(t *testing.T, n *nginx) {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", n.port)

	conversation(t, address,
		ask("GET", "/hello"), ask("HEAD", "/hello"), ask("GET", "/moved"), ask("GET", "/missing"),
		ask("GET", "/files/big"), ask("HEAD", "/files/big"), ask("OPTIONS", "/hello"),
		ask("GET", "/backend/chunked"), ask("DELETE", "/files/big"))
	conversation(t, address, ask("GET", "/hello"), ask("GET", "/error")) // nginx closes
	conversation(t, address, pipeline(100, "/hello"), ask("GET", "/hello"), pipeline(100, "/missing"))
	conversation(t, fmt.Sprintf("[::1]:%d", n.port), ask("GET", "/hello?over=ipv6"), ask("HEAD", "/missing"))
	// Real clients.
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16)
	for _, args := range [][]string{
		{"--data-binary", "@-", n.url("/backend/upload")},
		{"--data-binary", "@-", "-H", "Transfer-Encoding: chunked", n.url("/backend/chunks")},
		{"--data-binary", "@-", "-H", "Expect:", n.url("/hello?not=read")},
		{"-0", n.url("/hello?http=1.0")},
		{"-L", n.url("/moved")},
		{"-H", "Connection: close", n.url("/backend/hello")},
	} {
		cmd := exec.Command(program(t, "curl"), append([]string{"-sS", "--fail", "-o", "/dev/null"}, args...)...)
		cmd.Stdin = bytes.NewReader(body)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "curl %v: %s", args, out)
	}
}

// compare tells the first difference on a connection.
func compare(t *testing.T, port int, want, got []exchange) {
	t.Helper()
	assert.Len(t, got, len(want), "exchanges on the connection from port %d", port)
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			t.Errorf("on the connection from port %d, exchange %d: the access log has %v, the span %v", port, i, want[i], got[i])
			return
		}
	}
}

// checkServerSpans looks at what all spans of servers have.
func checkServerSpans(t *testing.T, spans []span) {
	t.Helper()
	for _, sp := range spans {
		status, _ := sp.attr("http.response.status_code").(int64)
		assert.Equal(t, sp.attr("http.request.method"), sp.Name())
		if status >= 500 {
			assert.Equal(t, ptrace.StatusCodeError, sp.Status().Code())
			assert.Equal(t, fmt.Sprint(status), sp.attr("error.type"))
		} else {
			assert.Equal(t, ptrace.StatusCodeUnset, sp.Status().Code())
			assert.Nil(t, sp.attr("error.type"))
		}
		assert.Greater(t, sp.EndTimestamp(), sp.StartTimestamp())
		assert.Equal(t, "http", sp.attr("url.scheme"))
		assert.Equal(t, "nginx", sp.resource["service.name"])
	}
}

// checkUpstream compares nginx's own requests with what it was asked for: each
// is the child of the request that it was sent for.
func checkUpstream(t *testing.T, spans, servers []span, entries []entry) {
	t.Helper()
	asked := map[string]string{}
	for _, sp := range servers {
		asked[sp.SpanID().String()] = fmt.Sprint(sp.attr("url.path"))
	}
	var want, got []string
	for _, e := range entries {
		if path, ok := strings.CutPrefix(e.URI, "/backend"); ok {
			want = append(want, fmt.Sprintf("%s %s %d", e.Method, path, e.Status))
		}
	}
	for _, sp := range spans {
		full, _ := sp.attr("url.full").(string)
		_, path, _ := strings.Cut(strings.TrimPrefix(full, "http://"), "/")
		assert.Equal(t, "/backend/"+path, asked[sp.ParentSpanID().String()], "the parent of %s", full)
		got = append(got, fmt.Sprintf("%s /%s %d", sp.Name(), path, sp.attr("http.response.status_code")))
	}
	assert.ElementsMatch(t, want, got, "requests to the server behind nginx")
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Where no span is kept, the metrics still have all requests, with methods,
// status codes and both sides: those that the kernel summarizes and the rest.
func TestMetricsDoNotDependOnSampling(t *testing.T) {
	beside(t)
	python := startPython(t, "threads")
	n := startNginx(t, python.port)
	c := startCollector(t, n.target()+"probes: {http: {sampling: {ratio: 0}, routes: [/hello, \"/backend/{what}\"], metrics: {body_sizes: true}}}")
	mixedRequests(t, n)

	pids := n.pids(t)
	want, sent := map[string]uint64{}, 0
	for _, e := range n.quit(t) {
		route := "<nil>"
		switch path, _, _ := strings.Cut(e.URI, "?"); {
		case path == "/hello":
			route = path
			sent += e.Body
		case strings.HasPrefix(path, "/backend/"):
			route = "/backend/{what}"
		}
		want[fmt.Sprintf("server %s %d %s", e.Method, e.Status, route)]++
		if strings.HasPrefix(e.URI, "/backend/") {
			want[fmt.Sprintf("client %s %d 127.0.0.1:%d", e.Method, e.Status, python.port)]++
		}
	}
	a := c.settle(t)["http"]
	c.shutdown(t)
	assert.Zero(t, c.spanCount())
	assert.Zero(t, a.totalLost(), "%v", a.lost)
	got := map[string]uint64{}
	for _, p := range c.pointsOf(serverDuration, of(pids...)) {
		got[fmt.Sprintf("server %v %v %v", p.attrs["http.request.method"], p.attrs["http.response.status_code"], p.attrs["http.route"])] += p.count
	}
	for _, p := range c.pointsOf(clientDuration, of(pids...)) {
		got[fmt.Sprintf("client %v %v %v:%v", p.attrs["http.request.method"], p.attrs["http.response.status_code"],
			p.attrs["server.address"], p.attrs["server.port"])] += p.count
	}
	assert.Equal(t, want, got)
	size := 0.0
	for _, p := range c.pointsOf("http.server.response.body.size", of(pids...)) {
		if p.attrs["http.route"] == "/hello" {
			size += p.sum
		}
	}
	assert.EqualValues(t, sent, size, "bytes of bodies")
}

// A trace is kept as a whole or not at all: by the service, the request that it
// makes meanwhile, and nginx that answers it.
func TestSampledTracesAreWhole(t *testing.T) {
	beside(t)
	n := startNginx(t, noBackend)
	s := startPython(t, "threads")
	pids := n.pids(t)
	c := startCollector(t, targetPIDs(t, append(pids, s.pid())...)+"probes: {http: {sampling: {ratio: 0.25}}}")
	const requests = 200
	for range requests / 50 {
		many := []string{"-sS", "--fail"}
		for range 50 {
			many = append(many, "-o", "/dev/null", s.calls(n.url("/hello")))
		}
		run(t, "curl", many...)
	}
	n.quit(t)
	a := c.settle(t)["http"]
	c.shutdown(t)

	outer := c.spansOf(ptrace.SpanKindServer, of(s.pid()))
	calls := c.spansOf(ptrace.SpanKindClient, of(s.pid()))
	inner := c.spansOf(ptrace.SpanKindServer, of(pids...))
	t.Logf("of %d traces %d are kept", requests, len(outer))
	assert.InDelta(t, requests/4, len(outer), 31, "five standard deviations")
	require.Len(t, calls, len(outer))
	require.Len(t, inner, len(outer))
	for i := range outer {
		checkChild(t, outer[i], calls[i])
		checkChild(t, calls[i], inner[i])
		assert.Equal(t, "ot=th:c", outer[i].TraceState().AsRaw())
	}
	assert.EqualValues(t, 3*requests, a.seen)
	assert.Zero(t, a.totalLost(), "%v", a.lost)
	assert.EqualValues(t, requests, c.countOf(serverDuration, of(pids...)))
	assert.EqualValues(t, requests, c.countOf(clientDuration, of(s.pid())))
}

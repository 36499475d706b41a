// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A service that calls nginx while it handles a request makes one trace, and
// so does one that was given a trace in the request.
func TestServiceThatCallsNginxIsOneTrace(t *testing.T) {
	beside(t)
	for name, start := range map[string]func(testing.TB) *service{
		"python, one thread":      func(t testing.TB) *service { return startPython(t) },
		"python, thread for each": func(t testing.TB) *service { return startPython(t, "threads") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNginx(t, noBackend)
			s := start(t)
			pids := n.pids(t)
			c := startCollector(t, targetPIDs(t, append(pids, s.pid())...)+"probes: {http: {}}")
			const requests = 20
			for range requests {
				run(t, "curl", "-sS", "--fail", s.calls(n.url("/hello")))
			}
			const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
			run(t, "curl", "-sS", "--fail", "-H", "traceparent: "+parent, "-H", "tracestate: a=b", s.calls(n.url("/moved")))
			n.quit(t)
			c.settle(t)
			c.shutdown(t)

			outer := c.spansOf(ptrace.SpanKindServer, of(s.pid()))
			calls := c.spansOf(ptrace.SpanKindClient, of(s.pid()))
			inner := c.spansOf(ptrace.SpanKindServer, of(pids...))
			require.Len(t, outer, requests+1)
			require.Len(t, calls, requests+1)
			require.Len(t, inner, requests+1)
			traces := map[string]bool{}
			for i := range outer {
				traces[outer[i].TraceID().String()] = true
				checkChild(t, outer[i], calls[i])
				checkChild(t, calls[i], inner[i])
				if i < requests {
					assert.True(t, outer[i].ParentSpanID().IsEmpty())
				}
			}
			assert.Len(t, traces, requests+1, "each request is a trace of its own")
			last := outer[requests]
			assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", last.TraceID().String())
			assert.Equal(t, "b7ad6b7169203331", last.ParentSpanID().String())
			assert.Equal(t, "a=b", last.TraceState().AsRaw())
		})
	}
}

// checkChild looks at two spans of which one is the child.
func checkChild(t *testing.T, parent, child span) {
	t.Helper()
	assert.Equal(t, parent.TraceID(), child.TraceID(), "one trace")
	assert.Equal(t, parent.SpanID(), child.ParentSpanID(), "parent")
	assert.LessOrEqual(t, parent.StartTimestamp(), child.StartTimestamp())
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const (
	pythonAddr = "10.0.0.1:8000"
	nginxAddr  = "127.0.0.1:80"
	pythonPort = "127.0.0.1:40001"
	browser    = "10.0.0.9:50000"
)

// story is a Python service that calls nginx on the same host while it handles
// a request: three connections' ends are observed.
type story struct {
	*bench
	server, client, nginx *conn
	header                string // in the incoming request
	outHeader             string // in the outgoing one
}

func newStory(t *testing.T, python, nginx *probe.ProcessInfo, b *bench) *story {
	return &story{
		bench:  b,
		server: b.conn(python, stream.Server, pythonAddr, browser),
		client: b.conn(python, stream.Client, pythonPort, nginxAddr),
		nginx:  b.conn(nginx, stream.Server, nginxAddr, pythonPort),
	}
}

// steps are the three exchanges, each told when it ends.
func (s *story) steps() map[string]func() {
	request := func(h string) string { return "GET /a HTTP/1.1\nHost: h\n" + h + "\n" }
	return map[string]func(){
		"python SERVER": func() { s.server.exchange(100, 200, 1, 77, stream.Ref{}, request(s.header), ok) },
		"python CLIENT": func() {
			s.client.exchange(120, 180, 900, 77, stream.Ref{Conn: s.server.c.ID, Seq: 1}, request(s.outHeader), ok)
		},
		"nginx SERVER": func() { s.nginx.exchange(121, 170, 900, 99, stream.Ref{}, request(s.outHeader), ok) },
	}
}

func orders(names []string) [][]string {
	if len(names) == 1 {
		return [][]string{names}
	}
	var out [][]string
	for i := range names {
		rest := slices.Delete(slices.Clone(names), i, i+1)
		for _, o := range orders(rest) {
			out = append(out, append([]string{names[i]}, o...))
		}
	}
	return out
}

func byKind(spans []ptrace.Span, kind ptrace.SpanKind) ptrace.Span {
	for _, s := range spans {
		if s.Kind() == kind {
			return s
		}
	}
	return ptrace.NewSpan()
}

func TestOneTraceInEveryOrder(t *testing.T) {
	for _, order := range orders([]string{"python SERVER", "python CLIENT", "nginx SERVER"}) {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			b := newBench(t, nil)
			s := newStory(t, b.process("python"), b.process("nginx"), b)
			steps := s.steps()
			for _, name := range order {
				steps[name]()
			}
			require.Zero(t, b.p.tracer.Correlator.Held(), "released as soon as the parent is known")
			spans := b.emitted()
			require.Len(t, spans["python"], 2)
			require.Len(t, spans["nginx"], 1)
			server, client := byKind(spans["python"], ptrace.SpanKindServer), byKind(spans["python"], ptrace.SpanKindClient)
			nginx := spans["nginx"][0]
			assert.True(t, server.ParentSpanID().IsEmpty())
			assert.Equal(t, server.SpanID(), client.ParentSpanID())
			assert.Equal(t, client.SpanID(), nginx.ParentSpanID())
			assert.Equal(t, server.TraceID(), client.TraceID())
			assert.Equal(t, server.TraceID(), nginx.TraceID())
			b.requireBalanced()
		})
	}
}

const (
	traceA  = "0af7651916cd43dd8448eb211c80319c"
	traceB  = "1af7651916cd43dd8448eb211c80319c"
	headerA = "traceparent: 00-" + traceA + "-b7ad6b7169203331-01\n"
	headerB = "traceparent: 00-" + traceB + "-c7ad6b7169203331-01\n"
)

func TestClientParent(t *testing.T) {
	for _, c := range []struct {
		name, header, outHeader string
		change                  func(*story)
		trace                   string // "" is the server's own
		inThread                bool
	}{
		{name: "no headers", inThread: true},
		{name: "incoming only", header: headerA, trace: traceA, inThread: true},
		{name: "passed on", header: headerA, outHeader: headerA, trace: traceA, inThread: true},
		{name: "another trace", header: headerA, outHeader: headerB, trace: traceB},
		{name: "outgoing only", outHeader: headerB, trace: traceB},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			s := newStory(t, b.process("python"), b.process("nginx"), b)
			s.header, s.outHeader = c.header, c.outHeader
			steps := s.steps()
			steps["python CLIENT"]()
			steps["python SERVER"]()
			spans := b.flush()["python"]
			server, client := byKind(spans, ptrace.SpanKindServer), byKind(spans, ptrace.SpanKindClient)
			if c.trace != "" {
				assert.Equal(t, c.trace, client.TraceID().String())
			}
			assert.Equal(t, c.inThread, client.ParentSpanID() == server.SpanID())
			assert.Equal(t, c.inThread, client.TraceID() == server.TraceID())
			b.requireBalanced()
		})
	}
}

func TestNoParentInThread(t *testing.T) {
	for _, c := range []struct {
		name   string
		server func(*conn) // ends the exchange of the server
	}{
		{"another thread answered", func(c *conn) {
			c.send(message{dir: stream.Receive, text: get, at: 100, seq: 1, tid: 77})
			c.send(message{dir: stream.Send, text: ok, at: 200, seq: 5, tid: 78})
		}},
		{"ended before", func(c *conn) { c.exchange(100, 110, 1, 77, stream.Ref{}, get, ok) }},
		{"began after", func(c *conn) { c.exchange(130, 200, 1, 77, stream.Ref{}, get, ok) }},
		{"another request", func(c *conn) { c.exchange(100, 200, 2, 77, stream.Ref{}, get, ok) }},
		{"closed", func(c *conn) { c.h.Close(stream.Closed, 300e6) }},
	} {
		for _, serverFirst := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, serverFirst), func(t *testing.T) {
				b := newBench(t, nil)
				s := newStory(t, b.process("python"), b.process("nginx"), b)
				if serverFirst {
					c.server(s.server)
				}
				s.steps()["python CLIENT"]()
				if !serverFirst {
					c.server(s.server)
				}
				b.p.tracer.Correlator.Tick(200e6 + 31e9)
				require.Zero(t, b.p.tracer.Correlator.Held())
				client := byKind(b.emitted()["python"], ptrace.SpanKindClient)
				assert.False(t, client.TraceID().IsEmpty())
				assert.True(t, client.ParentSpanID().IsEmpty())
				b.requireBalanced()
			})
		}
	}
}

func TestGoProcessHasNoParentInThread(t *testing.T) {
	b := newBench(t, nil)
	python := b.process("python")
	python.GoRuntime = true
	s := newStory(t, python, b.process("nginx"), b)
	for _, name := range []string{"nginx SERVER", "python CLIENT", "python SERVER"} {
		s.steps()[name]()
	}
	spans := b.flush()
	client := byKind(spans["python"], ptrace.SpanKindClient)
	assert.True(t, client.ParentSpanID().IsEmpty())
	assert.Equal(t, client.SpanID(), spans["nginx"][0].ParentSpanID(), "the wire needs no thread")
}

// A goroutine tells the request that a call was made for, on whatever threads the two were.
func TestGoProcessHasParentByGoroutine(t *testing.T) {
	for name, order := range map[string][2]int{"call first": {0, 1}, "request first": {1, 0}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			service := b.process("service")
			service.GoRuntime = true
			server := b.conn(service, stream.Server, pythonAddr, browser)
			client := b.conn(service, stream.Client, pythonPort, "10.0.0.7:80")
			steps := [2]func(){
				func() {
					parent := stream.Ref{Conn: server.c.ID, Seq: 1, Goroutine: true}
					client.exchange(120, 180, 900, 78, parent, get, ok)
				},
				func() { server.exchange(100, 200, 1, 77, stream.Ref{}, get, ok) },
			}
			for _, i := range order {
				steps[i]()
			}
			spans := b.flush()["service"]
			require.Len(t, spans, 2)
			assert.Equal(t, byKind(spans, ptrace.SpanKindServer).SpanID(), byKind(spans, ptrace.SpanKindClient).ParentSpanID())
		})
	}
}

func TestWireHoldIsBounded(t *testing.T) {
	b := newBench(t, nil)
	nginx := b.conn(b.process("nginx"), stream.Server, nginxAddr, pythonPort)
	for i := range uint32(100) {
		nginx.exchange(100, 110, 1000*i, 5, stream.Ref{}, get, ok)
	}
	assert.Equal(t, 16, b.p.tracer.Correlator.Held(), "clients of this server were never seen")
	b.p.tracer.Correlator.Tick(110e6 + 2e9 - 1)
	assert.Equal(t, 16, b.p.tracer.Correlator.Held())
	b.p.tracer.Correlator.Tick(110e6 + 2e9)
	assert.Zero(t, b.p.tracer.Correlator.Held())
	assert.EqualValues(t, 16, b.p.tracer.Correlator.Stats().Expired)
	assert.Len(t, b.emitted()["nginx"], 100)
	b.requireBalanced()

	python := b.conn(b.process("python"), stream.Client, pythonPort, nginxAddr)
	python.exchange(5000, 5010, 500_000, 7, stream.Ref{}, get, ok)
	nginx.exchange(6000, 6010, 600_000, 5, stream.Ref{}, get, ok)
	assert.Equal(t, 1, b.p.tracer.Correlator.Held(), "a client was seen: waiting pays again")
}

func TestRemotePeerIsNeverHeld(t *testing.T) {
	b := newBench(t, nil)
	c := b.conn(b.process("nginx"), stream.Server, "10.0.0.1:80", "10.0.0.2:999")
	c.exchange(1, 2, 1, 1, stream.Ref{}, get, ok)
	assert.Zero(t, b.p.tracer.Correlator.Stats().Held)
	assert.Len(t, b.emitted()["nginx"], 1)
}

func TestSamplingIsDecidedOnce(t *testing.T) {
	const runs = 400
	b := newBench(t, func(c *Config) { c.Sampling.Ratio = 0.25 })
	python, nginx := b.process("python"), b.process("nginx")
	for range runs {
		s := newStory(t, python, nginx, b)
		for _, name := range []string{"nginx SERVER", "python CLIENT", "python SERVER"} {
			s.steps()[name]()
		}
	}
	spans := b.flush()
	traces := map[pcommon.TraceID]int{}
	for _, list := range spans {
		for _, s := range list {
			traces[s.TraceID()]++
			assert.Equal(t, "ot=th:c", s.TraceState().AsRaw())
			assert.NotZero(t, s.Flags()&tracing.FlagSampled)
		}
	}
	for id, n := range traces {
		assert.Equal(t, 3, n, "trace %s is whole", id)
	}
	assert.InDelta(t, runs/4, len(traces), 60, "seven standard deviations")
	c := b.p.Counts()
	assert.EqualValues(t, 3*runs, c.Seen)
	assert.EqualValues(t, 3*(runs-len(traces)), c.SampledOut)
	b.requireBalanced()
}

func TestParentsDecisionIsKept(t *testing.T) {
	for _, c := range []struct {
		name, header string
		ratio        float64
		parentBased  bool
		want         int
	}{
		{"sampled parent", headerA, 0, true, 1},
		{"parent not sampled", headerA[:len(headerA)-3] + "00\n", 1, true, 0},
		{"by ratio in spite of the parent", headerA, 0, false, 0},
		{"b3 says no", "b3: 0\n", 1, true, 0},
		{"b3 debug", "X-B3-TraceId: " + traceA + "\nX-B3-SpanId: b7ad6b7169203331\nX-B3-Flags: 1\n", 0, true, 1},
		{"b3 leaves it open", "X-B3-TraceId: " + traceA + "\nX-B3-SpanId: b7ad6b7169203331\n", 0, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(cfg *Config) { cfg.Sampling = SamplingConfig{Ratio: c.ratio, ParentBased: c.parentBased} })
			conn := b.conn(b.process("s"), stream.Server, "10.0.0.1:80", "10.0.0.2:999")
			conn.exchange(1, 2, 1, 1, stream.Ref{}, "GET / HTTP/1.1\n"+c.header+"\n", ok)
			assert.Len(t, b.flush()["s"], c.want)
			assert.EqualValues(t, 1-c.want, b.p.Counts().SampledOut)
			b.requireBalanced()
		})
	}
}

// Held exchanges own their bytes: the next ones on the connection do not change them.
func TestHeldExchangesOwnTheirData(t *testing.T) {
	b := newBench(t, func(c *Config) { c.CaptureHeaders.Request = []string{"x"} })
	nginx := b.conn(b.process("nginx"), stream.Server, nginxAddr, pythonPort)
	for i := range uint32(10) {
		nginx.exchange(100, 110, 1000*i, 5, stream.Ref{}, fmt.Sprintf("GET /p%d?q=%d HTTP/1.1\nHost: h\nX: v%d\nUser-Agent: u%d\n\n", i, i, i, i), ok)
	}
	require.Equal(t, 10, b.p.tracer.Correlator.Held())
	for i, s := range b.flush()["nginx"] {
		a := s.Attributes()
		assert.Equal(t, fmt.Sprintf("/p%d q=%d [\"v%d\"] u%d", i, i, i, i), fmt.Sprint(attribute(a, "url.path"), " ", attribute(a, "url.query"), " ", attribute(a, "http.request.header.x"), " ", attribute(a, "user_agent.original")))
	}
}

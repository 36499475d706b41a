// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

var update = flag.Bool("update", false, "write the golden files")

// describe is a span in a form to read and compare. IDs are random and left out.
func describe(s ptrace.Span) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %v..%v status=%s flags=%#x parent=%s state=%q\n", s.Kind(), s.Name(),
		s.StartTimestamp().AsTime().Sub(epoch), s.EndTimestamp().AsTime().Sub(epoch),
		s.Status().Code(), s.Flags(), s.ParentSpanID(), s.TraceState().AsRaw())
	var lines []string
	for k, v := range s.Attributes().All() {
		value := v.AsString()
		if v.Type() == pcommon.ValueTypeStr {
			value = fmt.Sprintf("%q", value)
		}
		lines = append(lines, "  "+k+": "+value+"\n")
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
	return b.String()
}

func TestSpansGolden(t *testing.T) {
	const server, client = "10.0.0.1:8080", "10.0.0.2:40000"
	type step struct {
		message
		close stream.CloseReason
		ends  bool
	}
	in := func(text string) step {
		return step{message: message{dir: stream.Receive, text: text, at: 10, until: 11}}
	}
	out := func(text string) step { return step{message: message{dir: stream.Send, text: text, at: 30, until: 32}} }
	end := func(r stream.CloseReason) step { return step{ends: true, close: r} }
	cut := func(s step, n int) step { s.truncateTo = n; return s }
	cases := []struct {
		name  string
		role  stream.Role
		steps []step
	}{
		{"server", stream.Server, []step{in("GET /users/42?a=1&sig=abc&token=x HTTP/1.1\nHost: shop.example:8443\nUser-Agent: curl/8\nX-Tenant: t1\nX-Tenant: t2\n\n"), out("HTTP/1.1 200 OK\nContent-Length: 2\nX-Cache: hit\n\nok")}},
		{"server_error", stream.Server, []step{in("POST /x HTTP/1.0\nContent-Length: 3\n\nabc"), out("HTTP/1.1 503 no\nContent-Length: 0\n\n")}},
		{"server_404_is_no_error", stream.Server, []step{in(get), out("HTTP/1.1 404 no\nContent-Length: 0\n\n")}},
		{"server_unknown_method", stream.Server, []step{in("BREW /pot HTTP/1.1\nHost: [2001:db8::1]:81\n\n"), out(ok)}},
		{"server_options", stream.Server, []step{in("OPTIONS * HTTP/1.1\nHost: h\n\n"), out(ok)}},
		{"server_reset", stream.Server, []step{in(get), end(stream.Reset)}},
		{"server_closed", stream.Server, []step{in(get), end(stream.Closed)}},
		{"server_shutdown", stream.Server, []step{in(get), end(stream.Shutdown)}},
		{"server_truncated_target", stream.Server, []step{cut(in("GET /"+strings.Repeat("p", 100)+" HTTP/1.1\nHost: h\n\n"), 40), out(ok)}},
		{"server_truncated_query", stream.Server, []step{cut(in("GET /p?"+strings.Repeat("q", 100)+" HTTP/1.1\nHost: h\n\n"), 40), out(ok)}},
		{"server_bad_utf8", stream.Server, []step{in("GET /a\xff HTTP/1.1\nHost: h\nUser-Agent: \xfe\n\n"), out(ok)}},
		{"server_traceparent", stream.Server, []step{in("GET /a HTTP/1.1\nHost: h\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\ntracestate: a=1,b=2\n\n"), out(ok)}},
		{"server_b3", stream.Server, []step{in("GET /a HTTP/1.1\nHost: h\nb3: 463ac35c9f6413ad-a2fb4a1d1a96d312-1\n\n"), out(ok)}},
		{"client", stream.Client, []step{out("GET /a?Signature=s3cret HTTP/1.1\nHost: api.example\nUser-Agent: app\n\n"), in("HTTP/1.1 404 no\nContent-Length: 0\n\n")}},
		{"client_port", stream.Client, []step{out("GET /a HTTP/1.1\nHost: [::1]:9000\n\n"), in(ok)}},
		{"client_proxy_userinfo", stream.Client, []step{out("GET http://u:p@api.example/x?sig=1 HTTP/1.1\nHost: other\n\n"), in(ok)}},
		{"client_no_host", stream.Client, []step{out("GET /a HTTP/1.0\n\n"), in(ok)}},
		{"client_reset", stream.Client, []step{out(get), end(stream.Reset)}},
		{"unknown_role", stream.Unknown, []step{in(get), out(ok)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(cfg *Config) {
				cfg.Routes = []string{"/users/{id}"}
				cfg.RedactQuery = []string{"token"}
				cfg.BodySizes = true
				cfg.CaptureHeaders.Request = []string{"X-Tenant"}
				cfg.CaptureHeaders.Response = []string{"x-cache"}
			})
			local, remote := server, client
			if c.role == stream.Client {
				local, remote = remote, local
			}
			conn := b.conn(b.process("s"), c.role, local, remote)
			for _, s := range c.steps {
				m := s.message
				if c.role == stream.Client {
					m.at, m.until = 40-m.at, 43-m.until // out first
				}
				if s.ends {
					conn.h.Close(s.close, 50e6)
				} else {
					conn.send(m)
				}
			}
			var got strings.Builder
			for _, s := range b.flush()["s"] {
				assert.NotZero(t, s.TraceID())
				assert.NotZero(t, s.SpanID())
				got.WriteString(describe(s))
			}
			b.requireBalanced()
			golden(t, c.name, got.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

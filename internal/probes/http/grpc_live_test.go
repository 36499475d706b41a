// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package http_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
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

// child is a part that the test's program plays.
func child(t *testing.T, part string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), childEnv+"="+part)
	return cmd
}

// server runs a part that is a server until the returned function is called, which gives its count.
func server(t *testing.T, part string, port int) (stop func() map[string]int) {
	t.Helper()
	cmd := child(t, part, strconv.Itoa(port))
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	require.NoError(t, cmd.Start())
	ended := false
	stop = func() map[string]int {
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())
		ended = true
		return counts(t, out.Bytes())
	}
	t.Cleanup(func() {
		if !ended {
			_ = cmd.Process.Kill() // the test failed before it was stopped
			_ = cmd.Wait()
		}
	})
	require.Eventually(t, func() bool { return listens(port) }, 20*time.Second, 20*time.Millisecond)
	return stop
}

// listens looks for a listener without connecting to it: that would be a connection to observe.
func listens(port int) bool {
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return false
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	hex := strings.ToUpper(strconv.FormatInt(int64(port), 16))
	return err == nil && strings.Contains(string(b), ":"+strings.Repeat("0", 4-len(hex))+hex+" 00000000:0000 0A")
}

func counts(t *testing.T, out []byte) map[string]int {
	t.Helper()
	m := map[string]int{}
	require.NoError(t, json.Unmarshal(out, &m), "%s", out)
	return m
}

// spell turns gRPC's name of a code into the conventions'.
func spell(m map[string]int) map[string]int {
	names := map[string]string{"NotFound": "NOT_FOUND", "Internal": "INTERNAL", "Unimplemented": "UNIMPLEMENTED", "Canceled": "CANCELLED"}
	out := map[string]int{}
	for k, n := range m {
		method, code, _ := strings.Cut(k, " ")
		if name, ok := names[code]; ok {
			code = name
		}
		if code == "UNIMPLEMENTED" {
			method = "_OTHER"
		}
		out[method+" "+code] += n
	}
	return out
}

// calls counts the spans of calls by method and code.
func calls(spans []ptrace.Span, kind ptrace.SpanKind) map[string]int {
	out := map[string]int{}
	for _, s := range spans {
		if s.Kind() == kind {
			method, _ := dbtest.Attribute(s.Attributes(), "rpc.method").(string)
			code, _ := dbtest.Attribute(s.Attributes(), "rpc.response.status_code").(string)
			out[method+" "+code]++
		}
	}
	return out
}

func sum(m map[string]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}

// Unary and streaming calls of grpc-go: what is seen at both ends is what both counted, and
// the server's spans are children of the client's.
func TestLiveGRPC(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	self, err := os.Executable()
	require.NoError(t, err)
	port := dbtest.FreePort(t)
	r := dbtest.Start(t, map[string]any{
		"collection_interval": "200ms",
		"targets":             []any{map[string]any{"exe": self}},
		"probes":              map[string]any{"http": map[string]any{}},
	})
	stop := server(t, "server", port)
	client := counts(t, []byte(dbtest.Run(t, child(t, "client", strconv.Itoa(port), "40"))))
	served := stop()
	require.Equal(t, client, served)
	require.Equal(t, 4*40*8, sum(served))
	require.Eventually(t, func() bool { return len(r.Spans(port)) >= 2*sum(served) }, 10*time.Second, 50*time.Millisecond,
		"%d of %d", len(r.Spans(port)), 2*sum(served))
	r.Shutdown()
	spans := r.Spans(port)
	assert.Equal(t, spell(served), calls(spans, ptrace.SpanKindServer))
	assert.Equal(t, spell(client), calls(spans, ptrace.SpanKindClient))
	all := func(pcommon.Map) bool { return true }
	assert.EqualValues(t, sum(served), r.Measured("rpc.server.call.duration", all))
	assert.EqualValues(t, sum(client), r.Measured("rpc.client.call.duration", all))
	assert.Zero(t, r.Measured("http.server.request.duration", all))

	clients := map[pcommon.SpanID]ptrace.Span{}
	for _, s := range spans {
		if s.Kind() == ptrace.SpanKindClient {
			clients[s.SpanID()] = s
		}
	}
	joined := 0
	for _, s := range spans {
		if c, ok := clients[s.ParentSpanID()]; ok && s.Kind() == ptrace.SpanKindServer {
			joined++
			assert.Equal(t, c.TraceID(), s.TraceID())
			assert.Equal(t, c.Name(), s.Name())
		}
	}
	assert.Equal(t, sum(served), joined)
}

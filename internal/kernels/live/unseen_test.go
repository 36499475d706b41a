// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/manager"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/tls"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// step is a process that does on one connection what it is told, a line each:
// "send TEXT" in Go's quotes, or "recv", which reads a message without a body.
func step(args []string) error {
	var conn net.Conn
	in := bufio.NewScanner(os.Stdin)
	if args[0] == "listen" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, l.Addr())
		if conn, err = l.Accept(); err != nil {
			return err
		}
	} else {
		var err error
		if conn, err = net.Dial("tcp", args[1]); err != nil {
			return err
		}
	}
	c, err := blocking(conn)
	if err != nil {
		return err
	}
	for r := bufio.NewReader(c); in.Scan(); fmt.Fprintln(os.Stdout, "done") {
		if text, ok := strings.CutPrefix(in.Text(), "send "); ok {
			if text, err = strconv.Unquote(text); err == nil {
				_, err = c.Write([]byte(text))
			}
			if err != nil {
				return err
			}
			continue
		}
		for line := ""; line != "\r\n"; {
			if line, err = r.ReadString('\n'); err != nil {
				return err
			}
		}
	}
	return in.Err()
}

// do tells a process what to do and waits until it is done.
func (p *player) do(t *testing.T, what string) {
	t.Helper()
	_, err := io.WriteString(p.in, what+"\n")
	require.NoError(t, err)
	line, err := p.out.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "done\n", line)
}

// TestUnseen: a response passes while the programs are detached, as when the
// kernel skips them. Whatever is said then, it is not that its request was answered
// by the response to the next one; and nothing is missing without being counted.
// In a guest only the receiver's own choice is asked.
func TestUnseen(t *testing.T) {
	livetest.RequireRoot(t)
	able, _, runs := choices(t)
	if _, ok := runs["http"]; !ok {
		t.Skip("this kernel does not let the probe http run")
	}
	for i, c := range able {
		if i > 0 && (c.forced["socket"] == nil || os.Getenv(kernels.InGuest) != "") {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			livetest.CheckLeaks(t)
			testUnseen(t, c)
		})
	}
}

func testUnseen(t *testing.T, c choice) {
	self, err := os.Executable()
	require.NoError(t, err)
	target, err := discovery.Selector{Exe: self}.Compile()
	require.NoError(t, err)
	own, sinks := componenttest.NewTelemetry(), &telemetry{}
	sinks.own = own
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = own.NewTelemetrySettings()
	forced := map[string]string{}
	if c.forced != nil {
		forced["socket"] = c.forced["socket"].(string)
	}
	var factories []probe.Factory
	chosen := map[string]any{}
	for _, f := range probes.All() {
		factories = append(factories, f)
		if f.Manifest.Name == "http" {
			chosen["http"] = f.DefaultConfig()
		}
		if f.Manifest.Name == tls.Name {
			chosen[tls.Name] = &tls.Config{Off: true}
		}
	}
	m := manager.New(manager.Settings{
		Receiver: set, Factories: factories, Traces: &sinks.traces, Metrics: consumertest.NewNop(),
		Config: manager.Config{
			CollectionInterval: time.Second, Probes: chosen, Variants: forced, FailUnsupported: true,
			Selection: &discovery.Selection{Self: uint32(os.Getpid()), Targets: []*discovery.Matcher{target}},
		},
	})
	require.NoError(t, m.Start(t.Context()))
	stop := sync.OnceValue(func() error { return m.Shutdown(context.WithoutCancel(t.Context())) })
	t.Cleanup(func() { assert.NoError(t, stop()) })

	w := &workload{roles: map[string]string{}}
	server := w.start(t, func(int) {}, "step", "listen")
	address, err := server.out.ReadString('\n')
	require.NoError(t, err)
	client := w.start(t, func(int) {}, "step", "dial", strings.TrimSpace(address))
	request := func(path string) {
		client.do(t, "send "+strconv.Quote("GET "+path+" HTTP/1.1\r\nHost: a.example\r\n\r\n"))
		server.do(t, "recv")
	}
	response := func(status string) {
		server.do(t, "send "+strconv.Quote("HTTP/1.1 "+status+" X\r\nContent-Length: 0\r\n\r\n"))
		client.do(t, "recv")
	}
	request("/before")
	response("200")
	request("/unanswered")
	require.NoError(t, m.Pause())
	response("201")
	require.NoError(t, m.Resume(t.Context()))
	request("/next")
	response("500")
	for range 3 {
		request("/after")
		response("202")
	}
	require.True(t, client.end(t).Success())
	require.True(t, server.end(t).Success())
	want := 2 * 6
	require.Eventually(t, func() bool { return sinks.traces.SpanCount()+unmatched(sinks) >= want }, 30*time.Second, 50*time.Millisecond,
		"each exchange is a span or is counted as lost: %d spans, %d lost", sinks.traces.SpanCount(), unmatched(sinks))
	require.NoError(t, stop())

	said := sinks.exchanges(w)
	var lines []string
	for line, n := range said {
		lines = append(lines, fmt.Sprintf("%d× %s", n, line))
		fields := strings.Fields(line)
		path, status := fields[len(fields)-2], fields[len(fields)-1]
		right := map[string]string{"/before": "200", "/unanswered": "201", "/next": "500", "/after": "202"}
		assert.Equal(t, right[path], status, "%s", line)
	}
	slices.Sort(lines)
	t.Log(strings.Join(lines, "\n"))
	for _, kind := range []string{"Server", "Client"} {
		assert.Equal(t, 1, said[kind+" step GET /before 200"], kind)
		assert.NotZero(t, said[kind+" step GET /after 202"], "%s: it finds its way again", kind)
	}
}

// unmatched is how many exchanges the probe http says it lost.
func unmatched(s *telemetry) (n int) {
	m, err := s.own.GetMetric("otelcol_ebpf_events_lost")
	if err != nil {
		return 0 // nothing was counted yet
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		if of, _ := p.Attributes.Value(attribute.Key("probe")); of.AsString() == "http" {
			n += int(p.Value)
		}
	}
	return n
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package messaging_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/messaging"
)

// natsServer is a running server.
type natsServer struct {
	t            *testing.T
	program      string
	port, status int
}

func startNATS(t *testing.T) *natsServer {
	t.Helper()
	livetest.RequireRoot(t)
	s := &natsServer{t: t, program: dbtest.Program(t, "nats-server"), port: dbtest.FreePort(t), status: dbtest.FreePort(t)}
	dbtest.Serve(t, s.port, exec.Command(s.program, "-a", "127.0.0.1", "-p", strconv.Itoa(s.port), "-m", strconv.Itoa(s.status),
		"-js", "-sd", t.TempDir(), "--user", "me", "--pass", "not-to-be-seen"))
	return s
}

func (s *natsServer) url() string { return "nats://me:not-to-be-seen@" + dbtest.Address(s.port) }

// statistics are the server's own counts.
type statistics struct {
	In  int `json:"in_msgs"`
	Out int `json:"out_msgs"`
}

func (s *natsServer) statistics() (st statistics) {
	s.t.Helper()
	resp, err := http.Get("http://" + dbtest.Address(s.status) + "/varz")
	require.NoError(s.t, err)
	require.NoError(s.t, json.NewDecoder(resp.Body).Decode(&st))
	require.NoError(s.t, resp.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	return st
}

// subscriber starts a client that waits for messages.
func subscriber(t *testing.T, client string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(client, args...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return cmd
}

// What the server counts is what is seen at both ends.
func TestLiveNATS(t *testing.T) {
	livetest.CheckLeaks(t)
	client := client(t, "nats")
	s := startNATS(t)
	r := observe(t, s.program, client)
	const n = 500
	sub := subscriber(t, client, s.url(), "sub", "orders.*", strconv.Itoa(n), "workers")
	traced := subscriber(t, client, s.url(), "sub", "t.traced", strconv.Itoa(n))
	dbtest.Run(t, exec.Command(client, s.url(), "pub", "orders.eu", strconv.Itoa(n), "100", "200us"))
	dbtest.Run(t, exec.Command(client, s.url(), "pub", "t.traced", strconv.Itoa(n), "10", "200us"))
	require.NoError(t, sub.Wait())
	require.NoError(t, traced.Wait())
	st := s.statistics()
	require.Equal(t, statistics{In: 2 * n, Out: 2 * n}, st)
	settled(t, r, s.port)
	r.Shutdown()

	spans := r.Spans(s.port)
	assert.Equal(t, map[string]int{
		"Producer publish orders.eu": n, "Client publish t.traced": n, "Server publish orders.eu": n, "Server publish t.traced": n,
		"Server deliver orders.*": n, "Server deliver t.traced": n, "Consumer deliver orders.*": n, "Consumer deliver t.traced": n,
	}, kinds(spans))
	assert.EqualValues(t, st.In, r.Measured("messaging.client.sent.messages", all))
	assert.EqualValues(t, st.Out, r.Measured("messaging.client.consumed.messages", all))
	assert.EqualValues(t, st.In, r.Measured("messaging.client.operation.duration", all))
	assert.EqualValues(t, st.In, r.Measured(messaging.BrokerReceived, all))
	assert.EqualValues(t, st.Out, r.Measured(messaging.BrokerDelivered, all))
	delivered := map[string]ptrace.Span{}
	for _, span := range spans {
		if span.Kind() == ptrace.SpanKindServer && span.Name() == "deliver orders.*" {
			delivered[span.SpanID().String()] = span
		}
	}
	children := 0
	for _, span := range spans {
		switch span.Name() {
		case "deliver orders.*":
			assertAttributes(t, map[string]any{
				"messaging.system": "nats", "messaging.operation.name": "deliver", "messaging.operation.type": "process",
				"messaging.destination.name": "orders.eu", "messaging.destination.template": "orders.*",
				"messaging.consumer.group.name": "workers", "messaging.message.body.size": int64(100),
			}, span)
			if span.Kind() == ptrace.SpanKindConsumer {
				if _, ok := delivered[span.ParentSpanID().String()]; ok {
					children++
				}
			}
		case "publish t.traced", "deliver t.traced":
			id := dbtest.Attribute(span.Attributes(), "messaging.message.id").(string)
			i, err := strconv.Atoi(id)
			require.NoError(t, err)
			assert.EqualValues(t, i+1, int(span.TraceID()[15])|int(span.TraceID()[14])<<8)
			assert.EqualValues(t, i+1, int(span.ParentSpanID()[7])|int(span.ParentSpanID()[6])<<8)
		}
	}
	assert.Equal(t, n, children, "what the consumer got is a child of what the server delivered")
}

// Requests, replies and JetStream are messages like all others.
func TestLiveNATSBuiltOnMessages(t *testing.T) {
	livetest.CheckLeaks(t)
	client := client(t, "nats")
	s := startNATS(t)
	r := observe(t, s.program, client)
	dbtest.Run(t, exec.Command(client, s.url(), "request", "ask", "100"))
	dbtest.Run(t, exec.Command(client, s.url(), "jetstream", "s", "100"))
	settled(t, r, s.port)
	r.Shutdown()
	got := kinds(r.Spans(s.port))
	for name, n := range map[string]int{
		"Producer publish ask": 100, "Server publish ask": 100, "Server deliver ask": 100, "Consumer deliver ask": 100,
		"Producer publish s.a": 100, "Server publish s.a": 100,
	} {
		assert.Equal(t, n, got[name], "%s of %v", name, got)
	}
}

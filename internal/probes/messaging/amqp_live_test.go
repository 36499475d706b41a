// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package messaging_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/messaging"
)

// rabbit is a running RabbitMQ.
type rabbit struct {
	t            *testing.T
	port, status int
}

// startRabbit runs a server with a name service of its own, so that no daemon stays.
func startRabbit(t *testing.T) *rabbit {
	t.Helper()
	livetest.RequireRoot(t)
	server := dbtest.Program(t, "/usr/lib/rabbitmq/bin/rabbitmq-server")
	s := &rabbit{t: t, port: dbtest.FreePort(t), status: dbtest.FreePort(t)}
	dir, names := t.TempDir(), dbtest.FreePort(t)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	plugins := write("plugins", "[rabbitmq_prometheus].")
	write("rabbitmq.conf", fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\nprometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = %d\n", s.port, s.status))
	dbtest.Serve(t, names, exec.Command(dbtest.Program(t, "epmd"), "-port", strconv.Itoa(names), "-address", "127.0.0.1"))
	cmd := exec.Command(server)
	cmd.Env = append(os.Environ(), "HOME="+dir, "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+strconv.Itoa(names),
		"RABBITMQ_NODENAME=test@localhost", "RABBITMQ_DIST_PORT="+strconv.Itoa(dbtest.FreePort(t)),
		"RABBITMQ_MNESIA_BASE="+dir+"/data", "RABBITMQ_LOG_BASE="+dir+"/log", "RABBITMQ_LOGS=-",
		"RABBITMQ_CONFIG_FILE="+dir+"/rabbitmq", "RABBITMQ_ENABLED_PLUGINS_FILE="+plugins,
		"RABBITMQ_PID_FILE="+dir+"/pid", "RUNNING_UNDER_SYSTEMD=true") // the server replaces the shell, so it gets our signal
	dbtest.Serve(t, s.port, cmd)
	return s
}

// counters are the server's own, summed over kinds of queues.
func (s *rabbit) counters() map[string]int {
	s.t.Helper()
	resp, err := http.Get("http://" + dbtest.Address(s.status) + "/metrics")
	require.NoError(s.t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, resp.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	sum := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^rabbitmq_global_messages_(\w+)_total\{.*\} (\d+)$`).FindAllStringSubmatch(string(body), -1) {
		n, err := strconv.Atoi(m[2])
		require.NoError(s.t, err)
		sum[m[1]] += n
	}
	return sum
}

// What RabbitMQ counts is what is seen at both ends.
func TestLiveRabbitMQ(t *testing.T) {
	livetest.CheckLeaks(t)
	dbtest.Program(t, "amqp-publish") // of the package amqp-tools
	s := startRabbit(t)
	script := filepath.Join("..", "..", "..", "testdata", "clients", "amqp", "client.py")
	r := dbtest.Start(t, map[string]any{
		"collection_interval": "200ms",
		"targets": []any{
			map[string]any{"ports": s.port}, map[string]any{"cmdline": "clients/amqp/client.py"}, map[string]any{"exe": "/usr/bin/amqp-*"},
		},
		"probes": map[string]any{"messaging": map[string]any{}},
	})
	python := dbtest.Program(t, "/usr/bin/python3") // for which Debian's pika is
	run := func(args ...string) {
		dbtest.Run(t, exec.Command(python, append([]string{script, strconv.Itoa(s.port)}, args...)...))
	}
	url := fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d", s.port)
	run("publish", "q", "200", "100")
	run("publish", "big", "20", "300000")
	run("confirm", "c", "100", "10")
	run("consume", "q", "200")
	run("publish", "q", "50", "100")
	run("get", "q", "50")
	run("consume", "big", "20")
	run("get", "c", "100")
	for range 20 {
		dbtest.Run(t, exec.Command("/usr/bin/amqp-publish", "--url="+url, "-r", "q", "-b", "by rabbitmq-c"))
	}
	dbtest.Run(t, exec.Command("/usr/bin/amqp-consume", "--url="+url, "-q", "q", "-c", "20", "cat"))
	want := s.counters()
	settled(t, r, s.port)
	r.Shutdown()

	require.Equal(t, 250+20+200+20, want["received"])
	require.Equal(t, 250+20+100+20, want["delivered"])
	require.Equal(t, 2, want["get_empty"])
	assert.EqualValues(t, want["received"], r.Measured("messaging.client.sent.messages", all))
	assert.EqualValues(t, want["received"], r.Measured(messaging.BrokerReceived, all))
	assert.EqualValues(t, want["delivered"], r.Measured("messaging.client.consumed.messages", all))
	assert.EqualValues(t, want["delivered"], r.Measured(messaging.BrokerDelivered, all))
	spans := r.Spans(s.port)
	assert.Equal(t, map[string]int{
		"Client publish q": 250, "Server publish q": 250 + 20, "Producer publish q": 20, "Client publish big": 20, "Server publish big": 20,
		"Producer publish shop:c.new": 100, "Server publish shop:c.new": 100, "Producer publish shop:nobody": 100, "Server publish shop:nobody": 100,
		"Consumer deliver q": 200 + 20, "Server deliver q": 200 + 20, "Consumer deliver big": 20, "Server deliver big": 20,
		"Client get q": 50 + 1, "Server get q": 50 + 1, "Client get shop:c.new:c": 100, "Server get shop:c.new:c": 100, "Client get c": 1, "Server get c": 1,
	}, kinds(spans))
	for _, span := range spans {
		attrs := span.Attributes()
		switch strings.TrimPrefix(span.Name(), span.Kind().String()) {
		case "publish big", "deliver big":
			assertAttributes(t, map[string]any{
				"messaging.system": "rabbitmq", "messaging.destination.name": "big", "messaging.rabbitmq.destination.routing_key": "big",
				"messaging.message.body.size": int64(300000), "messaging.message.conversation_id": "c",
			}, span)
			i, err := strconv.Atoi(dbtest.Attribute(attrs, "messaging.message.id").(string))
			require.NoError(t, err)
			assert.EqualValues(t, i+1, span.TraceID()[15])
			assert.EqualValues(t, i+1, span.ParentSpanID()[7])
		case "publish shop:c.new":
			assert.Greater(t, span.EndTimestamp(), span.StartTimestamp(), "it waits for its confirm")
			assert.NotEqual(t, ptrace.StatusCodeError, span.Status().Code())
		}
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package messaging_test

import (
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/messaging"
)

// counting observes programs for metrics alone: no span is kept.
func counting(t *testing.T, targets ...map[string]any) *dbtest.Receiver {
	t.Helper()
	all := make([]any, len(targets))
	for i := range targets {
		all[i] = targets[i]
	}
	return dbtest.StartPlain(t, map[string]any{
		"collection_interval": "200ms", "targets": all,
		"probes": map[string]any{"messaging": map[string]any{"sampling": map[string]any{"ratio": 0}}},
	})
}

// quiet waits until a metric has begun to grow and no longer does, and gives it. A load
// may be over before the first of it was collected.
func quiet(t *testing.T, r *dbtest.Receiver, name string) int {
	t.Helper()
	last, since := 0, time.Now()
	for end := since.Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if n := int(r.Measured(name, all)); n != last {
			last, since = n, time.Now()
		}
		if last > 0 && time.Since(since) > 2*time.Second {
			return last
		}
	}
	require.Fail(t, "the metric does not come to rest", "%s is %d", name, last)
	return last
}

// NATS as fast as it goes, at its server.
func TestLiveNATSFullSpeed(t *testing.T) {
	livetest.CheckLeaks(t)
	client := client(t, "nats")
	s := startNATS(t)
	r := counting(t, map[string]any{"exe": s.program})
	const n = 200000
	sub := subscriber(t, client, s.url(), "sub", "orders.*", strconv.Itoa(n))
	began := time.Now()
	dbtest.Run(t, exec.Command(client, s.url(), "pub", "orders.eu", strconv.Itoa(n), "128"))
	require.NoError(t, sub.Wait())
	took := time.Since(began)
	st := s.statistics()
	require.Equal(t, statistics{In: n, Out: n}, st)
	received, delivered := quiet(t, r, messaging.BrokerReceived), quiet(t, r, messaging.BrokerDelivered)
	account, ring := r.Account("messaging"), r.Account("socket")
	t.Logf("%d messages in %v: %d received and %d delivered were seen, account %v, records %v", n, took, received, delivered, account, ring)
	assert.LessOrEqual(t, received, n)
	assert.LessOrEqual(t, delivered, n)
	// Messages have no numbers: what was not copied is counted by its size, which is the same for all.
	assert.InDelta(t, st.In+st.Out, int64(received+delivered)+account["lost"], 100)
	assert.Greater(t, received+delivered, n, "most is seen")
}

// Delivery tags and confirms tell exactly what RabbitMQ sent while nobody kept up.
func TestLiveRabbitMQFullSpeed(t *testing.T) {
	livetest.CheckLeaks(t)
	s := startRabbit(t)
	r := counting(t, map[string]any{"ports": s.port})
	python := dbtest.Program(t, "/usr/bin/python3")
	const n = 20000
	for _, what := range []string{"burst", "drain"} {
		dbtest.Run(t, exec.Command(python, "../../../testdata/clients/amqp/client.py", strconv.Itoa(s.port), what, "q", strconv.Itoa(n), "128"))
	}
	want := s.counters()
	received, delivered := quiet(t, r, messaging.BrokerReceived), quiet(t, r, messaging.BrokerDelivered)
	account, ring := r.Account("messaging"), r.Account("socket")
	t.Logf("%d messages: %d received and %d delivered were seen, account %v, records %v", n, received, delivered, account, ring)
	assert.Equal(t, n, want["received"])
	assert.Equal(t, n, want["delivered"])
	assert.EqualValues(t, want["received"]+want["delivered"], int64(received+delivered)+account["lost"])
}

// The server reads each packet in three parts, each a record.
func TestLiveMosquittoFullSpeed(t *testing.T) {
	livetest.CheckLeaks(t)
	s, _ := startMosquitto(t)
	r := counting(t, map[string]any{"exe": "/usr/sbin/mosquitto"})
	const n = 20000
	began := time.Now()
	s.publish(n, "-q", "0", "-t", "room/1/temperature")
	took := time.Since(began)
	time.Sleep(2500 * time.Millisecond) // two rounds of the server's counters
	received := quiet(t, r, messaging.BrokerReceived)
	account, ring := r.Account("messaging"), r.Account("socket")
	want := s.counter("received")
	t.Logf("%d messages in %v: %d were seen, account %v, records %v", n, took, received, account, ring)
	assert.Equal(t, n, want)
	assert.LessOrEqual(t, received, n)
	if received < n {
		assert.Positive(t, account["lost"], "nothing is lost that is not told of")
	}
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package messaging_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/messaging"
)

// kafkaCounts are what the broker or the client counted.
type kafkaCounts struct {
	Requests, Responses, Produced, Consumed map[string]int
	Refused                                 int
}

func total(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

// kafkaBroker is a running broker.
type kafkaBroker struct {
	t       *testing.T
	program string // of the broker and of the client
	port    int
	in      io.Writer
	out     *bufio.Reader
}

func startKafka(t *testing.T, flags ...string) *kafkaBroker {
	t.Helper()
	livetest.RequireRoot(t)
	b := &kafkaBroker{t: t, program: client(t, "kafka"), port: dbtest.FreePort(t)}
	cmd := exec.Command(b.program, append([]string{"broker", "-port", strconv.Itoa(b.port)}, flags...)...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close() // ends it
		done := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		done.Stop()
	})
	b.in, b.out = in, bufio.NewReader(out)
	line, err := b.out.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return b
}

// counts asks the broker.
func (b *kafkaBroker) counts() (c kafkaCounts) {
	b.t.Helper()
	_, err := io.WriteString(b.in, "\n")
	require.NoError(b.t, err)
	line, err := b.out.ReadString('\n')
	require.NoError(b.t, err)
	require.NoError(b.t, json.Unmarshal([]byte(line), &c))
	return c
}

// client runs a client to its end. It begins when it is observed.
func (b *kafkaBroker) client(r *dbtest.Receiver, flags string) (c kafkaCounts) {
	b.t.Helper()
	selected := func(n int64) {
		require.Eventually(b.t, func() bool { return r.Selected() == n }, time.Minute, 20*time.Millisecond)
	}
	selected(1) // the broker
	cmd := exec.Command(b.program, append([]string{"client", "-wait", "-broker", dbtest.Address(b.port)}, strings.Fields(flags)...)...)
	in, err := cmd.StdinPipe()
	require.NoError(b.t, err)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(b.t, cmd.Start())
	selected(2)
	_, err = io.WriteString(in, "\n")
	require.NoError(b.t, err)
	require.NoError(b.t, cmd.Wait(), "%s", out.String())
	require.NoError(b.t, json.Unmarshal(out.Bytes(), &c), "%s", out.String())
	return c
}

// observeKafka runs a receiver that observes programs.
func observeKafka(t *testing.T, programs ...string) *dbtest.Receiver {
	t.Helper()
	var targets []any
	for _, p := range programs {
		targets = append(targets, map[string]any{"exe": p})
	}
	return dbtest.Start(t, map[string]any{
		"collection_interval": "200ms",
		"targets":             targets,
		"probes":              map[string]any{"messaging": map[string]any{"empty_polls": true}},
	})
}

// operations counts spans by kind and operation.
func operations(spans []ptrace.Span) map[string]int {
	n := map[string]int{}
	for _, s := range spans {
		n[s.Kind().String()+" "+dbtest.Attribute(s.Attributes(), "messaging.operation.name").(string)]++
	}
	return n
}

// accounted waits until all requests are, and gives the account.
func accounted(t *testing.T, r *dbtest.Receiver, requests int) (account map[string]int64) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		if account = r.Account("messaging"); account["seen"] >= int64(requests) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	assert.EqualValues(t, requests, account["seen"], "%v", account)
	return account
}

func ofTopic(name string) func(pcommon.Map) bool {
	return func(m pcommon.Map) bool { return dbtest.Attribute(m, "messaging.destination.name") == name }
}

// What the broker and the client count is what is seen at both ends: requests, records of
// each topic, errors, trace context.
func TestLiveKafka(t *testing.T) {
	livetest.CheckLeaks(t)
	b := startKafka(t, "-fail", "refused")
	r := observeKafka(t, b.program)
	var sum kafkaCounts
	sum.Requests, sum.Produced, sum.Consumed = map[string]int{}, map[string]int{}, map[string]int{}
	for _, flags := range []string{
		"-topic traced -records 200 -sync -traces",
		"-topic traced -records 0 -consume", // nothing to wait for: it ends at once
		"-topic grouped -records 100 -consume -group g",
		"-topic batches -records 300 -batch 2000 -size 100 -acks leader -in-flight 8",
		"-topic fetched -records 80 -batch 1000 -size 100 -consume",
		"-topic packed -records 100 -compress gzip -size 300 -consume",
		"-topic many -topics 4 -records 100 -consume",
		"-topic unanswered -records 150 -sync -acks none",
		"-topic refused -records 20 -sync",
		"-topic old -records 50 -version 0.11.0 -acks leader -consume",
		"-topic older -records 50 -version 2.8.0 -acks leader -consume",
	} {
		c := b.client(r, flags)
		for key, n := range c.Requests {
			sum.Requests[key] += n
		}
		for topic, n := range c.Produced {
			sum.Produced[topic] += n
		}
		for topic, n := range c.Consumed {
			sum.Consumed[topic] += n
		}
	}
	counted := b.counts()
	assert.Equal(t, sum.Requests["Produce"], counted.Requests["Produce"], "the client's and the broker's counts")
	// A consumer that leaves has written its last request, which the broker may not
	// handle, and then does not count.
	assert.InDelta(t, sum.Requests["Fetch"], counted.Requests["Fetch"], 6, "one for each consumer")
	counted.Requests["Fetch"] = max(sum.Requests["Fetch"], counted.Requests["Fetch"])
	account := accounted(t, r, 2*total(counted.Requests))
	r.Shutdown()

	spans := r.Spans(b.port)
	got := operations(spans)
	assert.Equal(t, counted.Requests["Produce"], got["Server send"], "%v", got)
	assert.Equal(t, counted.Requests["Produce"], got["Producer send"]+got["Client send"])
	assert.Equal(t, counted.Requests["Fetch"], got["Server poll"])
	assert.Equal(t, counted.Requests["Fetch"], got["Client poll"])
	assert.EqualValues(t, counted.Requests["Produce"]+counted.Requests["Fetch"], r.Measured(messaging.BrokerDuration, all))
	assert.EqualValues(t, counted.Requests["Produce"]+counted.Requests["Fetch"], r.Measured("messaging.client.operation.duration", all))
	for topic, n := range counted.Produced {
		assert.EqualValues(t, n, r.Measured("messaging.client.sent.messages", ofTopic(topic)), "sent to %s", topic)
		assert.EqualValues(t, n, r.Measured(messaging.BrokerReceived, ofTopic(topic)), "received of %s", topic)
	}
	for topic, n := range sum.Consumed {
		assert.EqualValues(t, n, r.Measured("messaging.client.consumed.messages", ofTopic(topic)), "consumed of %s", topic)
		assert.EqualValues(t, n, r.Measured(messaging.BrokerDelivered, ofTopic(topic)), "delivered of %s", topic)
	}
	assert.Zero(t, account["lost"], "%v", account)

	failed := 0
	traced := map[ptrace.SpanKind]int{}
	for _, s := range spans {
		switch s.Name() {
		case "send refused":
			failed++
			assertAttributes(t, map[string]any{"error.type": "MESSAGE_TOO_LARGE"}, s)
			assert.Equal(t, ptrace.StatusCodeError, s.Status().Code())
		case "send traced":
			traced[s.Kind()]++
			id := int(s.TraceID()[15]) | int(s.TraceID()[14])<<8
			assert.Equal(t, id, int(s.ParentSpanID()[7])|int(s.ParentSpanID()[6])<<8)
			assert.Equal(t, "test=1", s.TraceState().AsRaw())
			assertAttributes(t, map[string]any{
				"messaging.system": "kafka", "messaging.operation.type": "send", "messaging.destination.name": "traced",
				"messaging.client.id": "kafkatest", "messaging.batch.message_count": nil, "error.type": nil,
			}, s)
			assert.NotNil(t, dbtest.Attribute(s.Attributes(), "messaging.kafka.offset"))
			assert.NotNil(t, dbtest.Attribute(s.Attributes(), "messaging.destination.partition.id"))
		}
	}
	assert.Equal(t, 2*counted.Refused, failed, "at both ends")
	assert.Equal(t, map[ptrace.SpanKind]int{ptrace.SpanKindClient: 200, ptrace.SpanKindServer: 200}, traced)
}

// librdkafka's operations are those that the broker counts.
func TestLiveKafkaLibrdkafka(t *testing.T) {
	livetest.CheckLeaks(t)
	kcat := dbtest.Program(t, "kcat")
	b := startKafka(t)
	r := observeKafka(t, b.program, kcat)
	address := dbtest.Address(b.port)
	const n = 300
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "message %d\n", i)
	}
	for _, acks := range []string{"all", "0"} {
		produce := exec.Command(kcat, "-P", "-b", address, "-t", "orders", "-X", "acks="+acks, "-X", "batch.num.messages=10",
			"-H", "traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		produce.Stdin = strings.NewReader(lines.String())
		dbtest.Run(t, produce)
	}
	dbtest.Run(t, exec.Command(kcat, "-C", "-b", address, "-t", "orders", "-e", "-q", "-f", ""))
	counted := b.counts()
	require.Equal(t, 2*n, counted.Produced["orders"])
	account := accounted(t, r, 2*total(counted.Requests))
	r.Shutdown()

	got := operations(r.Spans(b.port))
	assert.Equal(t, map[string]int{
		"Server send": counted.Requests["Produce"], "Client send": counted.Requests["Produce"],
		"Server poll": counted.Requests["Fetch"], "Client poll": counted.Requests["Fetch"],
	}, got)
	assert.EqualValues(t, 2*n, r.Measured("messaging.client.sent.messages", ofTopic("orders")))
	assert.EqualValues(t, 2*n, r.Measured(messaging.BrokerReceived, ofTopic("orders")))
	assert.Zero(t, account["lost"], "%v", account)
}

// A client that authenticates loses nothing but that.
func TestLiveKafkaAuthenticated(t *testing.T) {
	livetest.CheckLeaks(t)
	b := startKafka(t, "-sasl")
	r := observeKafka(t, b.program)
	b.client(r, "-topic orders -records 100 -sync -sasl")
	counted := b.counts()
	account := accounted(t, r, 2*total(counted.Requests))
	r.Shutdown()
	assert.Equal(t, map[string]int{"Server send": 100, "Producer send": 100}, operations(r.Spans(b.port)))
	assert.Zero(t, account["lost"], "%v", account)
}

// At full speed all is seen or counted as lost.
func TestLiveKafkaFullSpeed(t *testing.T) {
	livetest.CheckLeaks(t)
	b := startKafka(t)
	r := observeKafka(t, b.program)
	c := b.client(r, "-topic fast -records 200000 -size 100 -batch 1000 -acks leader -in-flight 32")
	counted := b.counts()
	truth := 2 * total(counted.Requests)
	account := accounted(t, r, truth)
	r.Shutdown()
	got := operations(r.Spans(b.port))
	t.Logf("%d requests with %d records; spans %v, account %v", counted.Requests["Produce"], counted.Produced["fast"], got, account)
	require.Equal(t, 200000, c.Produced["fast"])
	assert.EqualValues(t, truth, int64(got["Server send"]+got["Producer send"])+account["filtered"]+account["lost"])
}

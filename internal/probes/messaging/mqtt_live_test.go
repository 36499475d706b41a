// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package messaging_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/messaging"
)

// mqttServer is a running server.
type mqttServer struct {
	t        *testing.T
	program  string
	port     string
	pub, sub string
}

func startMosquitto(t *testing.T) (*mqttServer, int) {
	t.Helper()
	livetest.RequireRoot(t)
	port := dbtest.FreePort(t)
	s := &mqttServer{
		t: t, program: dbtest.Program(t, "mosquitto", "/usr/sbin/mosquitto"), port: strconv.Itoa(port),
		pub: dbtest.Program(t, "mosquitto_pub"), sub: dbtest.Program(t, "mosquitto_sub"),
	}
	config := filepath.Join(t.TempDir(), "mosquitto.conf")
	require.NoError(t, os.WriteFile(config, []byte(fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\nsys_interval 1\nmax_queued_messages 0\n", port)), 0o644))
	dbtest.Serve(t, port, exec.Command(s.program, "-c", config))
	return s, port
}

// arguments begins those of a client.
func (s *mqttServer) arguments(args ...string) []string {
	return append([]string{"-h", "127.0.0.1", "-p", s.port, "-u", "me", "-P", "not-to-be-seen"}, args...)
}

// take starts a subscriber of n messages and waits until the server knows it.
func (s *mqttServer) take(n int, args ...string) *exec.Cmd {
	s.t.Helper()
	// By lines: into a pipe it would write when its buffer is full.
	line := append([]string{"-oL", s.sub}, s.arguments(append(args, "-C", strconv.Itoa(n), "-d")...)...)
	cmd := exec.Command(dbtest.Program(s.t, "stdbuf"), line...)
	out, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	b := make([]byte, 4096)
	for text := ""; !strings.Contains(text, "Subscribed"); {
		k, err := out.Read(b)
		require.NoError(s.t, err)
		text += string(b[:k])
	}
	go func() { // or it would wait for a reader
		for {
			if _, err := out.Read(b); err != nil {
				return
			}
		}
	}()
	return cmd
}

// publish sends n messages from one client.
func (s *mqttServer) publish(n int, args ...string) {
	s.t.Helper()
	cmd := exec.Command(s.pub, s.arguments(append(args, "-l")...)...)
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "message %d\n", i)
	}
	cmd.Stdin = strings.NewReader(lines.String())
	dbtest.Run(s.t, cmd)
}

// counter reads one of the server's own counters, which it writes every second.
func (s *mqttServer) counter(name string) int {
	s.t.Helper()
	out := dbtest.Run(s.t, exec.Command(s.sub, s.arguments("-t", "$SYS/broker/publish/messages/"+name, "-C", "1")...))
	n, err := strconv.Atoi(strings.TrimSpace(out))
	require.NoError(s.t, err)
	return n
}

// What mosquitto counts is what is seen at both ends, of all versions and qualities of service.
func TestLiveMosquitto(t *testing.T) {
	livetest.CheckLeaks(t)
	s, port := startMosquitto(t)
	r := observe(t, "/usr/sbin/mosquitto", "/usr/bin/mosquitto_*")
	// mosquitto_sub 2.0 of version 5 gives up after more with QoS 2 than the server keeps in flight.
	number := [3]int{100, 100, 15}
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	var subs []*exec.Cmd
	for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
		for qos := range 3 {
			q := strconv.Itoa(qos)
			sub := s.take(number[qos], "-V", version, "-q", q, "-t", version+"/+/"+q)
			subs = append(subs, sub)
			args := []string{"-V", version, "-q", q, "-t", version + "/room/" + q}
			if version == "mqttv5" {
				args = append(args, "-D", "publish", "user-property", "traceparent", trace, "-D", "publish", "content-type", "text/plain")
			}
			s.publish(number[qos], args...)
		}
	}
	for _, sub := range subs {
		require.NoError(t, sub.Wait())
	}
	time.Sleep(2500 * time.Millisecond) // two rounds of the server's counters
	sent, received := s.counter("sent"), s.counter("received")
	settled(t, r, port)
	r.Shutdown()

	require.Equal(t, 3*(100+100+15), sent)
	require.Equal(t, 3*(100+100), received, "it does not count what comes with QoS 2")
	var spans []ptrace.Span
	for _, span := range r.Spans(port) {
		if name, _ := dbtest.Attribute(span.Attributes(), "messaging.destination.name").(string); !strings.HasPrefix(name, "$SYS/") {
			spans = append(spans, span)
		}
	}
	want := map[string]int{}
	for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
		producer := "Producer"
		if version == "mqttv5" {
			producer = "Client"
		}
		for qos := range 3 {
			want[fmt.Sprintf("%s publish %s/room/%d", producer, version, qos)] = number[qos]
			want[fmt.Sprintf("Server publish %s/room/%d", version, qos)] = number[qos]
			want[fmt.Sprintf("Server deliver %s/room/%d", version, qos)] = number[qos]
			want[fmt.Sprintf("Consumer deliver %s/+/%d", version, qos)] = number[qos]
		}
	}
	got := kinds(spans)
	for name := range got { // at the server, whose own end read SUBSCRIBE
		if rest, ok := strings.CutPrefix(name, "Server deliver "); ok && strings.Contains(rest, "/+/") {
			got["Server deliver "+strings.Replace(rest, "/+/", "/room/", 1)] += got[name]
			delete(got, name)
		}
	}
	assert.Equal(t, want, got)
	assert.EqualValues(t, received+3*15, r.Measured("messaging.client.sent.messages", all))
	assert.EqualValues(t, received+3*15, r.Measured(messaging.BrokerReceived, all))
	for _, span := range spans {
		switch {
		case strings.HasPrefix(span.Name(), "publish mqttv5/"):
			assert.Equal(t, trace[3:35], span.TraceID().String())
			assert.Equal(t, trace[36:52], span.ParentSpanID().String())
			fallthrough
		case strings.HasPrefix(span.Name(), "publish mqttv311/"):
			size, _ := dbtest.Attribute(span.Attributes(), "messaging.message.body.size").(int64)
			assert.Contains(t, []int64{9, 10}, size, "message 0 to message 99")
			assert.NotEqual(t, ptrace.StatusCodeError, span.Status().Code())
			if span.Kind() != ptrace.SpanKindServer && !strings.HasSuffix(span.Name(), "/0") {
				assert.Greater(t, span.EndTimestamp(), span.StartTimestamp(), "it waits for its answer")
			}
		}
	}
}

// Connections that are older than the receiver are known by which end was accepted: all that
// passes on them afterwards is seen, though most of it goes both ways with the same bytes.
func TestLiveMosquittoJoinedLate(t *testing.T) {
	livetest.CheckLeaks(t)
	s, port := startMosquitto(t)
	const number = 20
	var subs []*exec.Cmd
	var pubs []io.WriteCloser
	for qos := range 3 {
		q := strconv.Itoa(qos)
		subs = append(subs, s.take(number, "-q", q, "-t", "late/"+q))
		cmd := exec.Command(s.pub, s.arguments("-q", q, "-t", "late/"+q, "-l")...)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		subs, pubs = append(subs, cmd), append(pubs, in)
	}
	time.Sleep(300 * time.Millisecond) // they are connected
	r := observe(t, "/usr/sbin/mosquitto", "/usr/bin/mosquitto_*")
	require.Eventually(t, func() bool { return r.Selected() == 7 }, 10*time.Second, 50*time.Millisecond)
	time.Sleep(300 * time.Millisecond)
	for i := range number {
		for _, p := range pubs {
			fmt.Fprintf(p, "message %d\n", i)
		}
		time.Sleep(5 * time.Millisecond)
	}
	for _, p := range pubs {
		require.NoError(t, p.Close())
	}
	for _, cmd := range subs {
		require.NoError(t, cmd.Wait())
	}
	settled(t, r, port)
	r.Shutdown()
	want := map[string]int{}
	for qos := range 3 {
		for _, kind := range []string{"Producer publish", "Server publish", "Server deliver", "Consumer deliver"} {
			want[fmt.Sprintf("%s late/%d", kind, qos)] = number
		}
	}
	assert.Equal(t, want, kinds(r.Spans(port)))
}

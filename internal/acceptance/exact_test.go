// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	serverDuration = "http.server.request.duration"
	clientDuration = "http.client.request.duration"
)

// checkConservation compares what was observed of nginx with its access log.
// Each line must be one request in the metrics or a counted loss, and each
// request in the metrics one span unless that is counted too.
func checkConservation(t *testing.T, c *collector, n *nginx) (lines uint64, a account) {
	t.Helper()
	pids := n.pids(t)
	n.stop(t, syscall.SIGQUIT)
	b, err := os.ReadFile(n.log)
	require.NoError(t, err)
	lines = uint64(bytes.Count(b, []byte("\n"))) // they are many: what they say does not matter here
	a = c.settle(t)["http"]
	c.shutdown(t)
	measured := c.countOf(serverDuration, of(pids...))
	t.Logf("%d lines in the access log, %d requests in the metrics, %d spans, account of http %+v", lines, measured, c.spanCount(), a)
	for _, p := range c.pointsOf(serverDuration, func(a attrs) bool { return !of(pids...)(a) }) {
		t.Logf("another process was observed: %d requests, %v, %v", p.count, p.attrs, p.resource)
	}
	require.NotZero(t, lines)
	refused := a.lost["refused"]
	assert.Equal(t, lines, measured+a.totalLost()-refused, "requests in the metrics and counted losses")
	assert.Equal(t, a.seen, lines, "seen")
	assert.Equal(t, a.delivered, c.spanCount(), "delivered")
	return lines, a
}

// At full speed all is seen or counted as lost, whether the spans are sampled
// (then the kernel sends summaries) or not.
func TestFullSpeedIsConserved(t *testing.T) {
	live(t)
	for name, section := range map[string]string{
		"every span":        "probes: {http: {}}",
		"one span of fifty": "probes: {http: {sampling: {ratio: 0.02}}}",
	} {
		t.Run(name, func(t *testing.T) {
			n := startNginx(t, noBackend)
			c := startCollector(t, n.target()+section)
			c.countOnly = true
			t.Log(run(t, "wrk", "-t2", "-c32", "-d5s", n.url("/hello")))
			checkConservation(t, c, n)
		})
	}
}

// A ring that is far too small loses, and says how much: short requests travel
// in one record with their response, long ones in a record of their own. The
// test itself makes the requests: a program that was just started is observed
// until it is decided on, and what is lost of it counts too.
func TestLossIsCounted(t *testing.T) {
	live(t)
	for name, header := range map[string]string{"short": "X-A: a", "long": "X-A: " + strings.Repeat("a", 700)} {
		t.Run(name, func(t *testing.T) {
			n := startNginx(t, noBackend)
			c := startCollector(t, n.target()+"probes: {http: {}, socket: {ring_size: 65536}, "+plain+"}")
			c.countOnly = true
			sent := hammer(t, n, header, func() bool {
				accounts, _ := c.accounts(t)
				a := accounts["http"]
				return a != nil && a.lost["ring_full"] > 100
			})
			lines, a := checkConservation(t, c, n)
			require.Equal(t, sent, lines)
			require.NotZero(t, a.lost["ring_full"])
		})
	}
}

// hammer sends requests on many connections until it is enough.
func hammer(t *testing.T, n *nginx, header string, enough func() bool) (sent uint64) {
	t.Helper()
	request := []byte("GET /hello HTTP/1.1\r\nHost: test\r\n" + header + "\r\n\r\n")
	var (
		wg    sync.WaitGroup
		stop  atomic.Bool
		count atomic.Uint64
	)
	for range 32 {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.port))
		require.NoError(t, err)
		wg.Go(func() {
			defer conn.Close()
			buf := make([]byte, 4096)
			for !stop.Load() {
				// The response is short: nginx sends it at once.
				if _, err := conn.Write(request); !assert.NoError(t, err) {
					return
				}
				if _, err := conn.Read(buf); !assert.NoError(t, err) {
					return
				}
				count.Add(1)
			}
		})
	}
	defer wg.Wait()
	defer stop.Store(true)
	waitFor(t, "the ring to be full", enough)
	stop.Store(true)
	wg.Wait()
	return count.Load()
}

// At 2000 requests per second nothing is lost.
func TestModerateLoadIsExact(t *testing.T) {
	live(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"probes: {http: {}}")
	c.countOnly = true
	t.Log(run(t, "hey", "-z", "5s", "-c", "10", "-q", "200", n.url("/hello")))
	_, a := checkConservation(t, c, n)
	require.Zero(t, a.totalLost(), "%v", a.lost)
}

// ab opens a connection for each request at first, and keeps them then.
func TestManyConnectionsAreExact(t *testing.T) {
	live(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"probes: {http: {}}")
	c.countOnly = true
	run(t, "ab", "-q", "-n", "10000", "-c", "8", n.url("/hello"))
	run(t, "ab", "-q", "-k", "-n", "10000", "-c", "8", n.url("/hello"))
	lines, a := checkConservation(t, c, n)
	require.EqualValues(t, 20000, lines)
	require.Zero(t, a.totalLost(), "%v", a.lost)
}

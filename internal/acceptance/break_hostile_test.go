// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Requests with ten thousand paths and as many hosts, which become attributes of metrics: the
// series are bounded, and none of the requests is missing in them.
func TestBreakManyNames(t *testing.T) {
	beside(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"probes: {http: {metrics: {server_address: true, cardinality_limit: 100}}, "+plain+"}")
	c.countOnly = true
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.port))
	require.NoError(t, err)
	defer conn.Close()
	const names = 10000
	buf := make([]byte, 4096)
	for i := range names {
		fmt.Fprintf(conn, "GET /hello/%d?q=%d HTTP/1.1\r\nHost: h%d.example\r\n\r\n", i, i, i)
		_, err := conn.Read(buf)
		require.NoError(t, err)
	}
	memory := resident(t, c.pid())
	lines, a := checkConservation(t, c, n)
	require.EqualValues(t, names, lines)
	assert.Zero(t, a.totalLost(), "%v", a.lost)
	series := c.pointsOf(serverDuration, func(attrs) bool { return true })
	assert.LessOrEqual(t, len(series), 2*101, "of two workers")
	overflown := uint64(0)
	for _, p := range series {
		if p.attrs["otel.metric.overflow"] == true {
			overflown += p.count
		}
	}
	assert.GreaterOrEqual(t, overflown, uint64(names-2*100))
	t.Logf("%d series, %d MiB resident", len(series), memory>>20)
	assert.Less(t, memory, 300<<20)
}

// A client sends ten thousand different texts of queries, each with a table of its own, to what
// pretends to be PostgreSQL: the series are bounded, and none of the queries is missing in them.
func TestBreakManyQueries(t *testing.T) {
	beside(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c := startCollector(t, fmt.Sprintf("targets: [{ports: \"%d\"}]\nprobes: {sql: {metrics: {cardinality_limit: 100}}, %s}", l.Addr().(*net.TCPAddr).Port, plain))
	c.countOnly = true
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	server, err := l.Accept()
	require.NoError(t, err)
	defer server.Close()

	message := func(kind byte, content string) []byte {
		m := binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(content)))
		return append(m, content...)
	}
	buf := make([]byte, 4096)
	pass := func(from, to net.Conn, what []byte) {
		_, err := from.Write(what)
		require.NoError(t, err)
		_, err = to.Read(buf)
		require.NoError(t, err)
	}
	startup := "\x00\x03\x00\x00user\x00u\x00database\x00d\x00\x00"
	ready := message('Z', "I")
	pass(client, server, append(binary.BigEndian.AppendUint32(nil, uint32(4+len(startup))), startup...))
	pass(server, client, append(message('R', "\x00\x00\x00\x00"), ready...))
	const queries = 10000
	for i := range queries {
		pass(client, server, message('Q', fmt.Sprintf("SELECT c%d FROM t%d WHERE n = %d\x00", i, i, i)))
		pass(server, client, append(message('C', "SELECT 0\x00"), ready...))
	}
	memory := resident(t, c.pid())
	var a account
	waitFor(t, "all queries", func() bool {
		accounts, _ := c.accounts(t)
		a = *accounts["sql"]
		return a.seen >= 2*queries && a.settled()
	})
	c.shutdown(t)
	assert.Zero(t, a.totalLost(), "%v", a.lost)
	assert.EqualValues(t, 2*queries, a.delivered, "on both sides")
	for _, metric := range []string{"db.client.operation.duration", "ebpf.db.server.operation.duration"} {
		series := c.pointsOf(metric, func(attrs) bool { return true })
		var all, overflown uint64
		for _, p := range series {
			all += p.count
			if p.attrs["otel.metric.overflow"] == true {
				overflown += p.count
			}
		}
		t.Logf("%s: %d series, %d of %d queries in that of the overflow", metric, len(series), overflown, all)
		assert.LessOrEqual(t, len(series), 101)
		assert.EqualValues(t, queries, all)
		assert.GreaterOrEqual(t, overflown, uint64(queries-100))
	}
	t.Logf("%d MiB resident", memory>>20)
	assert.Less(t, memory, 300<<20)
}

// forged are beginnings of what protocols send. What follows them is made up.
var forged = []string{
	"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\xff\xff\x01\x04\x00\x00\x00\x01",
	"*1000000000\r\n$1000000000\r\n", "$-2\r\n", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\n",
	"\x00\x00\x00\x08\x04\xd2\x16\x2f", "\x00\x03\x00\x00user\x00x\x00\x00", "Q\xff\xff\xff\xffSELECT",
	"\x4a\x00\x00\x00\x0a8.0.36\x00", "\x03\x00\x00\x00\x03SELECT 1",
	"\x80\x01\x00\x00\x00\x00\x00\x00", "set k 0 0 4294967295\r\n", "get " + strings.Repeat("k", 300) + "\r\n",
	"\x7f\xff\xff\xff\x00\x12\x00\x00", "AMQP\x00\x00\x09\x01", "INFO {\"server_id\":", "CONNECT {}\r\nPUB a 99999999\r\n",
	"\x10\xff\xff\xff\x7f\x00\x04MQTT", "\xff\xff\xff\x7f\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00",
	"\x16\x03\x01\xff\xff\x01", "",
}

// A process forges what protocols look like, on both sides, with endless headers, wrong lengths
// and noise. The collector lives, stays small, its account adds up, and what is honest beside it
// is seen in full.
func TestBreakForgedBytes(t *testing.T) {
	beside(t)
	n := startNginx(t, noBackend)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	pids := n.pids(t)
	c := startCollector(t, fmt.Sprintf("targets: [{ports: \"%d,%d\"}]\nprobes: {http: {}, redis: {}, sql: {}, memcached: {}, messaging: {}, mongodb: {}, dns: {}}", port, n.port))
	c.countOnly = true
	rng := rand.New(rand.NewPCG(1, 2))
	noise := func() []byte {
		b := make([]byte, rng.IntN(3000))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		if rng.IntN(3) == 0 {
			return []byte(strings.Repeat("X-Header: "+string(b[:len(b)/8])+"\r\n", 40))
		}
		return b
	}
	for i := range 1500 {
		client, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		server, err := l.Accept()
		require.NoError(t, err)
		go func() { _, _ = io.Copy(io.Discard, server) }()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		for range 1 + rng.IntN(4) {
			side := client
			if rng.IntN(2) == 0 {
				side = server
			}
			_, _ = side.Write(append([]byte(forged[i%len(forged)]), noise()...)) // it may be closed
		}
		if rng.IntN(2) == 0 {
			_ = server.(*net.TCPConn).SetLinger(0) // a reset
		}
		require.NoError(t, server.Close())
		_ = client.Close() // it may have been reset
	}
	run(t, "ab", "-q", "-k", "-n", "1000", "-c", "4", n.url("/hello"))
	require.Len(t, n.quit(t), 1000)
	require.NoError(t, l.Close())
	var accounts map[string]*account
	waitFor(t, "all accounts to balance", func() bool {
		time.Sleep(500 * time.Millisecond)
		accounts, _ = c.accounts(t)
		for _, a := range accounts {
			if !a.settled() {
				return false
			}
		}
		return accounts["socket"].seen > 0 // it was counted since
	})
	memory := resident(t, c.pid())
	c.shutdown(t)
	for name, a := range accounts {
		t.Logf("%s: %+v", name, *a)
	}
	assert.NotZero(t, accounts["socket"].seen)
	assert.EqualValues(t, 1000, c.countOf(serverDuration, of(pids...)), "of nginx")
	assert.NotContains(t, c.out.String(), "panic")
	t.Logf("%d MiB resident", memory>>20)
	assert.Less(t, memory, 300<<20)
}

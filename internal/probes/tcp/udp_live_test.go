// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tcp

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// Datagrams that iperf3 sends faster than its server can take them: bytes and losses are what
// iperf3 and the kernel's statistics of the namespace say.
func TestUDPAgainstIperf(t *testing.T) {
	ns := newNamespace(t)
	i, metrics, pump := load(t, DefaultConfig())
	log := filepath.Join(t.TempDir(), "server")
	srv := ns.command("iperf3", "-s", "-1", "-J", "--logfile", log)
	require.NoError(t, srv.Start())
	require.Eventually(t, func() bool {
		return strings.Contains(ns.run(t, "ss", "-tlnH"), ":5201")
	}, 5*time.Second, 20*time.Millisecond)
	cli := ns.command("iperf3", "-c", "127.0.0.1", "-u", "-b", "0", "-n", "200M", "-l", "8000", "-w", "20K", "-J")
	said, err := cli.Output()
	require.NoError(t, err, "%s", said)
	require.NoError(t, srv.Wait())
	type result struct {
		End struct {
			Sum struct {
				Bytes, Packets float64
				Lost           float64 `json:"lost_packets"`
			}
			Streams []struct {
				UDP struct{ Bytes float64 }
			}
		}
	}
	var client, server result
	require.NoError(t, json.Unmarshal(said, &client), "%s", said)
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &server), "%s", text)
	n := ns.nstat(t)
	pump.Stop()
	pump.Collect(t, i)

	const hello = 4 // each end begins with so many bytes
	of := func(pid int, way string) float64 {
		return sum(metrics.Values(metricIO, pid), "network.transport=udp", "network.io.direction="+way)
	}
	c, s := cli.Process.Pid, srv.Process.Pid
	drops := metrics.Values(metricDropped, s)
	t.Logf("iperf3: %v, server %v; here %v sent, %v received, %v dropped; nstat: in %v, errors %v, no buffer %v", client.End.Sum, server.End.Sum,
		of(c, "transmit"), of(s, "receive"), drops, n["UdpInDatagrams"], n["UdpInErrors"], n["UdpRcvbufErrors"])
	assert.Equal(t, client.End.Streams[0].UDP.Bytes+hello, of(c, "transmit"))
	assert.EqualValues(t, hello, of(c, "receive"))
	assert.EqualValues(t, hello, of(s, "transmit"))
	assert.Greater(t, n["UdpRcvbufErrors"], 100.0)
	assert.Equal(t, map[string]float64{"network.local.port=5201,network.transport=udp": n["UdpRcvbufErrors"]}, drops)
	assert.Equal(t, n["UdpInErrors"], sum(drops))
	// The kernel counts a datagram when it is read; one is the client's, of the beginning.
	read := (of(s, "receive") - hello) / 8000
	assert.Equal(t, n["UdpInDatagrams"], read+2)
	assert.Equal(t, client.End.Sum.Packets-n["UdpRcvbufErrors"], read)
	// The server cannot know of those that were lost after the last one that it read.
	assert.Equal(t, server.End.Sum.Packets-server.End.Sum.Lost, read)
	livetest.Conserved(t, i)
}

// What is told of a socket without a peer or a port of its choice is not its number.
func TestUDPDimensions(t *testing.T) {
	i, metrics, pump := load(t, DefaultConfig())
	srv := start(t, `
import socket
f = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); f.bind(("127.0.0.1", 0)); at = f.getsockname(); f.close()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(at); print(at[1], flush=True)
while True:
    d, a = s.recvfrom(4096)
    s.sendto(d[:10], a)
`)
	cli := start(t, `
import socket, sys
to = ("127.0.0.1", int(sys.argv[1]))
for n in range(20): # a socket for each question, as resolvers do
    c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    c.sendto(b"q" * 100, to)
    c.recv(4096, socket.MSG_PEEK)
    c.recv(4096)
    c.close()
c = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
c.connect(("::ffff:127.0.0.1", to[1]))
for _ in range(5): c.send(b"q" * 1000); c.recv(4096)
print("ready", flush=True)
sys.stdin.read()
`, srv.line)
	pump.Stop()
	pump.Collect(t, i)
	io := metrics.Values(metricIO, cli.Process.Pid)
	peer := "network.peer.address=127.0.0.1,network.peer.port=" + srv.line + ",network.transport=udp,network.type=ipv4"
	assert.Equal(t, map[string]float64{
		"network.io.direction=transmit,network.transport=udp": 2000, "network.io.direction=receive,network.transport=udp": 200,
		"network.io.direction=transmit," + peer: 5000, "network.io.direction=receive," + peer: 50,
	}, io)
	at := "network.local.port=" + srv.line + ",network.transport=udp"
	assert.Equal(t, map[string]float64{
		"network.io.direction=transmit," + at: 250, "network.io.direction=receive," + at: 7000,
	}, metrics.Values(metricIO, srv.Process.Pid))
	livetest.Conserved(t, i)
}

// A server that hangs and never called since it is observed is known by its descriptors.
func TestUDPDropsOfOlderSocket(t *testing.T) {
	p := start(t, `
import socket, sys
f = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); f.bind(("127.0.0.1", 0)); at = f.getsockname(); f.close()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(at)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
print(s.getsockname()[1], flush=True)
sys.stdin.read()
`)
	i, metrics, pump := load(t, DefaultConfig())
	require.NoError(t, exec.Command("python3", "-c", `
import socket, sys
c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(50): c.sendto(b"x" * 1000, ("127.0.0.1", int(sys.argv[1])))
`, p.line).Run())
	ss, err := exec.Command("ss", "-ulnmO", "sport", "=", ":"+p.line).Output()
	require.NoError(t, err)
	pump.Stop()
	pump.Collect(t, i)
	want := field(t, string(ss), `,d(\d+)\)`)
	assert.Equal(t, map[string]float64{"network.local.port=" + p.line + ",network.transport=udp": want}, metrics.Values(metricDropped, p.Process.Pid))
	assert.Greater(t, want, 40.0)
	livetest.Conserved(t, i)
}

// Without the tracepoints of calls the rest goes on.
func TestWithoutUDP(t *testing.T) {
	i, metrics, pump := loadVariant(t, 1, DefaultConfig())
	srv := start(t, server)
	cli := start(t, client, srv.line, "1", "5000")
	pump.Stop()
	pump.Collect(t, i)
	assert.Len(t, metrics.Values(metricOpened, cli.Process.Pid), 1)
	livetest.Conserved(t, i)
}

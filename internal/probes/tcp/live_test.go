// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tcp

import (
	"bufio"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	discoveryprobe "github.com/ebpfreceiver/ebpfreceiver/internal/probes/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// load starts the Instrument.
func load(t *testing.T, cfg *Config) (i probe.Probe, metrics *livetest.Metrics, pump *livetest.Pumped) {
	t.Helper()
	i, said, pump := loadVariant(t, 0, cfg)
	return i, &said.Metrics, pump
}

// both keeps metrics and log records.
type both struct {
	livetest.Metrics
	logs livetest.Logs
}

func (b *both) LogRecord(p *probe.ProcessInfo) plog.LogRecord { return b.logs.LogRecord(p) }

func loadVariant(t *testing.T, variant int, cfg *Config) (i probe.Probe, said *both, pump *livetest.Pumped) {
	t.Helper()
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	said = &both{}
	set := probe.Settings{
		Logger: zaptest.NewLogger(t), Clock: livetest.Clock{}, Emit: said, Signals: probe.Metrics | probe.Logs, Selection: &discovery.Selection{},
	}
	f := discoveryprobe.Factory()
	d := livetest.Load(t, f, set, f.DefaultConfig(), nil)
	set.Processes = d.(probe.Processes)
	i = livetest.LoadVariant(t, Factory(), variant, set, cfg, map[string]probe.Probe{"discovery": d})
	livetest.Attach(t, d)
	livetest.Attach(t, i)
	return i, said, livetest.PumpJoined(t, d, i)
}

// python runs a script that prints a line when it is ready and goes on at a line of input.
type python struct {
	*exec.Cmd
	line string
	in   interface{ Close() error }
}

func start(t *testing.T, script string, args ...string) *python {
	t.Helper()
	return startCommand(t, exec.Command("python3", append([]string{"-c", script}, args...)...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *python {
	t.Helper()
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return &python{Cmd: cmd, line: strings.TrimSpace(line), in: in}
}

const server = `
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 0)); s.listen(128); print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    n = 0
    while True:
        d = c.recv(65536)
        if not d: break
        n += len(d)
        c.sendall(b"x" * 10)
    c.close()
`

const client = `
import socket, sys
port, conns, size = map(int, sys.argv[1:])
for _ in range(conns):
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(b"y" * size)
    s.recv(1, socket.MSG_WAITALL)
    s.shutdown(socket.SHUT_WR)
    while s.recv(65536): pass
    s.close()
k = socket.create_connection(("127.0.0.1", port))
k.sendall(b"z" * 777); k.recv(10, socket.MSG_WAITALL)
print("ready", flush=True)
sys.stdin.read()
`

// What a server and its client say of their connections is what both did, and what ss has.
func TestConnections(t *testing.T) {
	i, metrics, pump := load(t, DefaultConfig())
	srv := start(t, server)
	const conns, size = 20, 1000
	cli := start(t, client, srv.line, strconv.Itoa(conns), strconv.Itoa(size))
	ss, err := exec.Command("ss", "-tinO", "state", "established", "dport", "=", ":"+srv.line).Output()
	require.NoError(t, err)
	pump.Collect(t, i)
	pump.Stop()
	metrics.Reset()
	pump.Collect(t, i)

	toServer := "network.peer.address=127.0.0.1,network.peer.port=" + srv.line + ",network.transport=tcp,network.type=ipv4"
	atServer := "network.local.port=" + srv.line + ",network.transport=tcp"
	direction := func(attrs, way string) string { return "network.io.direction=" + way + "," + attrs }
	pid := cli.Process.Pid
	assert.Equal(t, map[string]float64{toServer: conns + 1}, metrics.Values(metricOpened, pid))
	assert.Equal(t, map[string]float64{toServer: 1}, metrics.Values(metricActive, pid))
	assert.Equal(t, map[string]float64{atServer: conns + 1}, metrics.Values(metricAccepted, srv.Process.Pid))
	assert.Equal(t, map[string]float64{atServer: 1}, metrics.Values(metricActive, srv.Process.Pid))
	io := metrics.Values(metricIO, pid)
	assert.EqualValues(t, conns*size+777, io[direction(toServer, "transmit")], "%v", io)
	// The server answers each piece that it read with ten bytes.
	assert.GreaterOrEqual(t, io[direction(toServer, "receive")], float64((conns+1)*10))
	assert.Zero(t, int(io[direction(toServer, "receive")])%10)
	atSrv := metrics.Values(metricIO, srv.Process.Pid)
	assert.Equal(t, io[direction(toServer, "transmit")], atSrv[direction(atServer, "receive")], "%v", atSrv)
	assert.Equal(t, io[direction(toServer, "receive")], atSrv[direction(atServer, "transmit")])
	assert.Contains(t, string(ss), "bytes_sent:777 ")

	connect := metrics.Points(metricConnect, pid)
	require.Len(t, connect, 1)
	assert.EqualValues(t, conns+1, connect[0].Count())
	assert.Less(t, connect[0].Quantile(0.5), 0.05)
	rtt := metrics.Points(metricRTT, pid)
	require.Len(t, rtt, 1)
	assert.GreaterOrEqual(t, rtt[0].Count(), uint64(conns))
	t.Logf("connect p50 %.6f, rtt p50 %.6f; ss: %s", connect[0].Quantile(0.5), rtt[0].Quantile(0.5), ss)
	livetest.Conserved(t, i)
}

// Connections that are older than their observation are found, with whose they are.
func TestOlderConnections(t *testing.T) {
	srv := start(t, server)
	cli := start(t, client, srv.line, "1", "5000")
	i, metrics, pump := load(t, DefaultConfig())
	pump.Collect(t, i)
	active := metrics.Values(metricActive, srv.Process.Pid)
	assert.Equal(t, map[string]float64{"network.local.port=" + srv.line + ",network.transport=tcp": 1}, active)
	assert.Len(t, metrics.Values(metricActive, cli.Process.Pid), 1)
	assert.Empty(t, metrics.Values(metricIO, cli.Process.Pid), "what was before is not counted")
	require.NoError(t, cli.in.Close())
	require.NoError(t, cli.Wait())
	time.Sleep(100 * time.Millisecond)
	pump.Stop()
	metrics.Reset()
	pump.Collect(t, i)
	assert.Zero(t, metrics.Values(metricActive, srv.Process.Pid)["network.local.port="+srv.line+",network.transport=tcp"])
	livetest.Conserved(t, i)
}

func TestFailures(t *testing.T) {
	i, metrics, pump := load(t, DefaultConfig())
	p := start(t, `
import socket, struct, sys
dead = socket.socket(); dead.bind(("127.0.0.1", 0)); port = dead.getsockname()[1]; dead.close()
for _ in range(3):
    s = socket.socket()
    try: s.connect(("127.0.0.1", port))
    except ConnectionRefusedError: pass
    s.close()
# A listener that resets.
l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen(5)
for _ in range(2):
    c = socket.create_connection(l.getsockname()); a, _ = l.accept()
    a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); a.close()
    try: c.recv(1)
    except ConnectionResetError: pass
    c.close()
# A listener that has no room: given up.
f = socket.socket(); f.bind(("127.0.0.1", 0)); f.listen(0)
n = []
for _ in range(4):
    c = socket.socket(); c.setblocking(False)
    try: c.connect(f.getsockname())
    except BlockingIOError: pass
    n.append(c)
import time; time.sleep(0.2)
for c in n: c.close()
print(port, flush=True)
sys.stdin.read()
`)
	pump.Stop()
	pump.Collect(t, i)
	failed := metrics.Values(metricFailed, p.Process.Pid)
	assert.EqualValues(t, 3, failed["error.type=ECONNREFUSED,network.peer.address=127.0.0.1,network.peer.port="+p.line+",network.transport=tcp,network.type=ipv4"], "%v", failed)
	aborted := metrics.Values(metricAborted, p.Process.Pid)
	assert.EqualValues(t, 2, sum(aborted, "error.type=ECONNRESET"), "%v", aborted)
	assert.EqualValues(t, 2, sum(aborted, "error.type=ECONNABORTED"), "%v", aborted)
	cancelled := 0.0
	for attrs, n := range failed {
		if strings.HasPrefix(attrs, "error.type=cancelled,") {
			cancelled += n
		}
	}
	assert.Greater(t, cancelled, 0.0, "%v", failed)
	livetest.Conserved(t, i)
}

// A listener whose backlog is full: its drops are those of the kernel's statistics.
func TestListenDrops(t *testing.T) {
	i, metrics, pump := load(t, DefaultConfig())
	p := start(t, `
import socket, sys, time
l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen(1)
cs = []
for _ in range(6):
    c = socket.socket(); c.setblocking(False)
    try: c.connect(l.getsockname())
    except BlockingIOError: pass
    cs.append(c)
time.sleep(0.3)
print(l.getsockname()[1], flush=True)
sys.stdin.read()
`)
	require.NoError(t, p.Process.Signal(syscall.SIGSTOP))
	pump.Stop()
	pump.Collect(t, i)
	ss, err := exec.Command("ss", "-tlnmO", "sport", "=", ":"+p.line).Output()
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(ss), ",d")
	require.True(t, ok, "%s", ss)
	var want float64
	_, err = fmt.Sscanf(rest, "%g)", &want)
	require.NoError(t, err)
	got := metrics.Values(metricDrops, p.Process.Pid)
	assert.Greater(t, want, 0.0)
	// The kernel may have dropped more in between: the clients try again.
	assert.InDelta(t, want, got["network.local.port="+p.line+",network.transport=tcp"], 5, "%v", got)
}

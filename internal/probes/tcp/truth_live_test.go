// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tcp

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// namespace is a network namespace of the test's own, whose statistics begin at zero.
type namespace string

func newNamespace(t *testing.T) namespace {
	t.Helper()
	ns := namespace("ebpfreceiver-" + strconv.Itoa(os.Getpid()))
	if out, err := exec.Command("ip", "netns", "add", string(ns)).CombinedOutput(); err != nil {
		t.Skipf("this machine makes no network namespaces: %v: %s", err, out)
	}
	t.Cleanup(func() {
		out, err := exec.Command("ip", "netns", "del", string(ns)).CombinedOutput()
		assert.NoError(t, err, "%s", out)
	})
	ns.run(t, "ip", "link", "set", "lo", "up")
	return ns
}

// command is one that runs in it. ip becomes the program itself.
func (ns namespace) command(args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", string(ns)}, args...)...)
}

func (ns namespace) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := ns.command(args...).CombinedOutput()
	require.NoError(t, err, "%v: %s", args, out)
	return string(out)
}

// python starts a script as start does.
func (ns namespace) python(t *testing.T, script string, args ...string) *python {
	t.Helper()
	return startCommand(t, ns.command(append([]string{"python3", "-c", script}, args...)...))
}

// nstat reads the kernel's own counters of the namespace.
func (ns namespace) nstat(t *testing.T) map[string]float64 {
	t.Helper()
	counters := map[string]float64{}
	for line := range strings.Lines(ns.run(t, "nstat", "-asz")) {
		var name string
		var n float64
		if _, err := fmt.Sscan(line, &name, &n); err == nil {
			counters[name] = n
		}
	}
	return counters
}

// drop lets each n-th packet to that port be lost when it arrives.
func (ns namespace) drop(t *testing.T, port string, n int) {
	t.Helper()
	ns.run(t, "nft", "add", "table", "ip", "loss")
	ns.run(t, "nft", "add", "chain", "ip", "loss", "in", "{ type filter hook input priority 0; }")
	ns.run(t, "nft", "add", "rule", "ip", "loss", "in", "tcp", "dport", port, "numgen", "inc", "mod", strconv.Itoa(n), "==", "0", "drop")
}

// sum adds up the points whose attributes hold each of with.
func sum(values map[string]float64, with ...string) (total float64) {
next:
	for attrs, v := range values {
		for _, w := range with {
			if !strings.Contains(","+attrs+",", ","+w+",") {
				continue next
			}
		}
		total += v
	}
	return total
}

// field finds a number in what ss says of a socket.
func field(t *testing.T, ss, pattern string) float64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(ss)
	require.NotNil(t, m, "no %s in %s", pattern, ss)
	v, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)
	return v
}

const sink = `
import socket, sys, threading
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(16); print(s.getsockname()[1], flush=True)
def serve(c):
    while True:
        d = c.recv(1 << 20)
        if not d: break
    c.close()
while True:
    c, _ = s.accept()
    threading.Thread(target=serve, args=(c,)).start()
`

const source = `
import fcntl, socket, struct, sys, termios, time
port, size = map(int, sys.argv[1:])
s = socket.create_connection(("127.0.0.1", port))
s.sendall(b"y" * size)
# Until all has been acknowledged.
while struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, b"1234"))[0]: time.sleep(0.01)
print(s.getsockname()[1], flush=True)
sys.stdin.read()
`

// Where packets are lost, retransmissions are those that the kernel has counted for the namespace
// and for the connection, and so are bytes and the round trip.
func TestRetransmitsAgainstKernel(t *testing.T) {
	ns := newNamespace(t)
	i, metrics, pump := load(t, DefaultConfig())
	srv := ns.python(t, sink)
	ns.drop(t, srv.line, 20)
	const size = 20 << 20
	var clients []*python
	for range 3 {
		clients = append(clients, ns.python(t, source, srv.line, strconv.Itoa(size)))
	}
	time.Sleep(100 * time.Millisecond)
	pump.Stop()
	pump.Collect(t, i)
	ss := ns.run(t, "ss", "-tinO", "state", "established")
	var retransmits, received float64
	for _, c := range clients {
		pid := c.Process.Pid
		of := regexp.MustCompile(`.*127\.0\.0\.1:` + c.line + `\s+127\.0\.0\.1:` + srv.line + `.*`).FindString(ss)
		require.NotEmpty(t, of, "%s", ss)
		peer := "network.peer.port=" + srv.line
		want := field(t, of, `retrans:\d+/(\d+)`)
		assert.Equal(t, want, sum(metrics.Values(metricRetransmits, pid), peer))
		assert.Greater(t, want, 0.0)
		retransmits += want
		// bytes_acked counts the SYN.
		sent := sum(metrics.Values(metricIO, pid), peer, "network.io.direction=transmit")
		assert.Equal(t, field(t, of, `bytes_acked:(\d+)`)-1, sent)
		assert.EqualValues(t, size, sent)
		at := regexp.MustCompile(`.*127\.0\.0\.1:` + srv.line + `\s+127\.0\.0\.1:` + c.line + `.*`).FindString(ss)
		received += field(t, at, `bytes_received:(\d+)`)
		rtt := metrics.Points(metricRTT, pid)
		require.Len(t, rtt, 1)
		require.EqualValues(t, 1, rtt[0].Count(), "it was looked at once")
		assert.InEpsilon(t, field(t, of, `rtt:([\d.]+)/`)/1e3, rtt[0].Sum(), 0.01, "ss cuts it to microseconds")
		t.Logf("%s: retransmitted %g, rtt %.6f s", of, want, rtt[0].Sum())
	}
	assert.Equal(t, received, sum(metrics.Values(metricIO, srv.Process.Pid), "network.io.direction=receive"))
	n := ns.nstat(t)
	assert.Equal(t, n["TcpRetransSegs"], retransmits)
	livetest.Conserved(t, i)
}

// Connections by what became of them: the kernel's counters of the namespace are the same.
func TestConnectionsAgainstNstat(t *testing.T) {
	ns := newNamespace(t)
	i, metrics, pump := load(t, DefaultConfig())
	p := ns.python(t, `
import socket, struct, sys
dead = socket.socket(); dead.bind(("127.0.0.1", 0)); port = dead.getsockname()[1]; dead.close()
for _ in range(7):
    s = socket.socket()
    try: s.connect(("127.0.0.1", port))
    except ConnectionRefusedError: pass
    s.close()
l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen(5)
for n in range(25):
    c = socket.create_connection(l.getsockname()); a, _ = l.accept()
    if n % 5 == 0: # reset by the server: each end counts it
        a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); a.close()
        try: c.recv(1)
        except ConnectionResetError: pass
        c.close()
    elif n % 5 == 1: # reset because data was not read
        c.send(b"unread"); a.close(); c.close()
    else:
        c.close(); a.close()
keep = [socket.create_connection(l.getsockname())]; keep.append(l.accept()[0])
print(port, flush=True)
sys.stdin.read()
`)
	time.Sleep(200 * time.Millisecond)
	n := ns.nstat(t)
	pump.Stop()
	pump.Collect(t, i)
	pid := p.Process.Pid
	opened, failed := sum(metrics.Values(metricOpened, pid)), metrics.Values(metricFailed, pid)
	aborted := metrics.Values(metricAborted, pid)
	t.Logf("nstat: %v active, %v passive, %v failed, %v reset; here: opened %v, failed %v, aborted %v",
		n["TcpActiveOpens"], n["TcpPassiveOpens"], n["TcpAttemptFails"], n["TcpEstabResets"], opened, failed, aborted)
	assert.Equal(t, n["TcpActiveOpens"], opened+sum(failed))
	assert.Equal(t, n["TcpPassiveOpens"], sum(metrics.Values(metricAccepted, pid)))
	assert.Equal(t, n["TcpAttemptFails"], sum(failed, "error.type=ECONNREFUSED"))
	assert.Equal(t, n["TcpEstabResets"], sum(aborted))
	assert.EqualValues(t, 7, n["TcpAttemptFails"])
	assert.EqualValues(t, 10, sum(aborted, "error.type=ECONNABORTED"))
	established := strings.Count(ns.run(t, "ss", "-tHn", "state", "established"), "\n")
	assert.EqualValues(t, established, sum(metrics.Values(metricActive, pid)))
	livetest.Conserved(t, i)
}

// What iperf3 says that it moved is what is counted, with its control connection, which
// strace sees.
func TestBytesAgainstIperf(t *testing.T) {
	ns := newNamespace(t)
	i, metrics, pump := load(t, DefaultConfig())
	dir := t.TempDir()
	srv := ns.command("iperf3", "-s", "-1", "-J", "--logfile", filepath.Join(dir, "server"))
	require.NoError(t, srv.Start())
	require.Eventually(t, func() bool {
		return strings.Contains(ns.run(t, "ss", "-tlnH"), ":5201")
	}, 5*time.Second, 20*time.Millisecond)
	cli := ns.command("strace", "-f", "-qq", "-yy", "-o", filepath.Join(dir, "strace"), "-e", "trace=write,read,sendto,recvfrom", "-e", "signal=none",
		"iperf3", "-c", "127.0.0.1", "-n", "64M", "-J")
	said, err := cli.Output()
	require.NoError(t, err, "%s", said)
	require.NoError(t, srv.Wait())
	var result struct {
		End struct {
			Sent     struct{ Bytes, Retransmits float64 } `json:"sum_sent"`
			Received struct{ Bytes float64 }              `json:"sum_received"`
		}
	}
	require.NoError(t, json.Unmarshal(said, &result))
	pump.Stop()
	pump.Collect(t, i)
	calls, err := os.ReadFile(filepath.Join(dir, "strace"))
	require.NoError(t, err)
	// The data connection's socket is the one over which most passes.
	wrote, readBytes := map[string]float64{}, 0.0
	pattern := regexp.MustCompile(`(write|read|sendto|recvfrom)\(\d+<TCP:\[([^\]]*)\]>.* = (\d+)`)
	pids := map[int]bool{}
	for line := range strings.Lines(string(calls)) {
		m := pattern.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		pid, _, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(pid)
		require.NoError(t, err)
		pids[n] = true
		bytes, err := strconv.ParseFloat(m[3], 64)
		require.NoError(t, err)
		if m[1] == "write" || m[1] == "sendto" {
			wrote[m[2]] += bytes
		} else {
			readBytes += bytes
		}
	}
	require.Len(t, wrote, 2, "%v", wrote)
	require.Len(t, pids, 1)
	var control, all, data float64
	for _, n := range wrote {
		all += n
		data = max(data, n)
	}
	control = all - data
	const cookie = 37 // begins the data connection, too
	var client int
	for client = range pids {
	}
	sent := sum(metrics.Values(metricIO, client), "network.io.direction=transmit")
	received := sum(metrics.Values(metricIO, srv.Process.Pid), "network.io.direction=receive")
	if result.End.Received.Bytes == result.End.Sent.Bytes {
		assert.Equal(t, all, sent)
		assert.Equal(t, result.End.Sent.Bytes, sent-control-cookie)
		assert.Equal(t, sent, received)
		assert.Equal(t, result.End.Received.Bytes, received-control-cookie)
	} else {
		// When it hears of the end the server closes without a look at what is still under way, which
		// resets the connection: the last bytes that were written were then never sent, or not received.
		assert.LessOrEqual(t, sent, all)
		assert.LessOrEqual(t, received, sent)
		assert.GreaterOrEqual(t, received-control-cookie, result.End.Received.Bytes)
		assert.Greater(t, sent-control-cookie, 0.9*result.End.Sent.Bytes)
	}
	assert.Equal(t, readBytes, sum(metrics.Values(metricIO, client), "network.io.direction=receive"))
	assert.Equal(t, result.End.Sent.Retransmits, sum(metrics.Values(metricRetransmits, client)))
	t.Logf("iperf3: %.0f sent, %.0f received; here %.0f and %.0f, of these %.0f for control", result.End.Sent.Bytes, result.End.Received.Bytes, sent, received, control)
	livetest.Conserved(t, i)
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// workload is what was done, as the programs that did it know.
type workload struct {
	// roles are the processes by their number.
	roles map[string]string
	// ports are those of servers.
	ports map[string]string
	// spans counts exchanges by kind, service, method, path and status.
	spans map[string]int
	// exits are the ends of processes: role and exit code or signal.
	exits []string
}

// requests are sent by each client, in this order.
func requests() []string {
	var all []string
	for range 5 {
		all = append(all, "GET:/200/0", "GET:/200/100", "GET:/404/10", "POST:/201/20", "GET:/500/30", "GET:/204/0")
	}
	// More than is captured.
	return append(all, "GET:/200/40000", "HEAD:/200/0", "DELETE:/202/5")
}

// player is a process that runs the test binary in a role.
type player struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start starts a process and lets it begin when seen has found its number: what
// is to be known of a process is read while it runs.
func (w *workload) start(t *testing.T, seen func(pid int), role string, args ...string) *player {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &player{cmd: exec.Command(self, args...)}
	p.cmd.Env = []string{roleKey + "=" + role, "OTEL_SERVICE_NAME=" + role}
	p.cmd.Stderr = os.Stderr
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewReader(out)
	require.NoError(t, p.cmd.Start())
	w.roles[strconv.Itoa(p.cmd.Process.Pid)] = role
	seen(p.cmd.Process.Pid)
	_, err = p.in.Write([]byte("\n"))
	require.NoError(t, err)
	return p
}

// end waits for the end, after the standard input's, which servers wait for.
func (p *player) end(t *testing.T) *os.ProcessState {
	t.Helper()
	require.NoError(t, p.in.Close())
	_, err := io.Copy(io.Discard, p.out)
	require.NoError(t, err)
	_ = p.cmd.Wait() // the state tells
	return p.cmd.ProcessState
}

// work lets servers and clients talk, and processes end, one after the other.
func work(t *testing.T, seen func(pid int)) *workload {
	t.Helper()
	w := &workload{roles: map[string]string{}, ports: map[string]string{}, spans: map[string]int{}}
	for _, pair := range []struct{ server, client, mode, address string }{
		{"http-server", "http-client", "keep", "127.0.0.1:0"},
		{"http-server", "http-client", "new", "127.0.0.1:0"},
		{"http-server", "http-client", "keep", "[::1]:0"},
		{"raw-server", "raw-client", "keep", "127.0.0.1:0"},
		{"raw-server", "http-client", "keep", "127.0.0.1:0"},
		{"http-server", "raw-client", "keep", "[::1]:0"},
	} {
		server := w.start(t, seen, pair.server, pair.address)
		line, err := server.out.ReadString('\n')
		require.NoError(t, err, "%s tells no address", pair.server)
		address := strings.TrimSpace(line)
		w.ports[address[strings.LastIndex(address, ":")+1:]] = pair.server
		client := w.start(t, seen, pair.client, append([]string{address, pair.mode}, requests()...)...)
		require.True(t, client.end(t).Success(), "%s of %s", pair.client, pair.server)
		require.True(t, server.end(t).Success(), pair.server)
		w.exits = append(w.exits, pair.client+" 0", pair.server+" 0")
		for _, r := range requests() {
			method, path, _ := strings.Cut(r, ":")
			status, _ := answer(path)
			w.spans[strings.Join([]string{"Server", pair.server, method, path, strconv.Itoa(status)}, " ")]++
			w.spans[strings.Join([]string{"Client", pair.client, method, path, strconv.Itoa(status)}, " ")]++
		}
	}
	for _, how := range [][2]string{{"exit", "0"}, {"exit", "7"}, {"exit", "255"}, {"signal", "9"}, {"signal", "15"}} {
		state := w.start(t, seen, "end", how[0], how[1]).end(t)
		want := how[1]
		if how[0] == "signal" {
			n, err := strconv.Atoi(how[1])
			require.NoError(t, err)
			want = unix.SignalName(syscall.Signal(n))
			require.Equal(t, syscall.Signal(n), state.Sys().(syscall.WaitStatus).Signal())
		} else {
			require.Equal(t, how[1], strconv.Itoa(state.ExitCode()))
		}
		w.exits = append(w.exits, "end "+want)
	}
	slices.Sort(w.exits)
	return w
}

// exchanges is the number of spans to come.
func (w *workload) exchanges() int {
	n := 0
	for _, count := range w.spans {
		n += count
	}
	return n
}

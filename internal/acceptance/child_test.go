// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// text is output that is read while it is written.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *text) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *text) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// child is a program that runs until the test ends it.
type child struct {
	cmd  *exec.Cmd
	out  *text
	done chan struct{}
}

// start runs a program. Its output is shown when the test fails.
func start(t testing.TB, cmd *exec.Cmd) *child {
	t.Helper()
	c := &child{cmd: cmd, out: &text{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = c.out, c.out
	require.NoError(t, cmd.Start())
	go func() {
		defer close(c.done)
		_ = cmd.Wait() // it is asked with ended
	}()
	t.Cleanup(func() {
		c.stop(t, syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, tail(c.out.String(), 8000))
		}
	})
	return c
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func (c *child) pid() int { return c.cmd.Process.Pid }

// ended tells whether the program has.
func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop sends a signal and waits for the end. It may be called again.
func (c *child) stop(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if c.ended() {
		return
	}
	_ = c.cmd.Process.Signal(sig) // it may end by itself just now
	select {
	case <-c.done:
	case <-time.After(time.Minute):
		_ = c.cmd.Process.Kill()
		<-c.done
		t.Errorf("%s did not end within a minute of %s", c.cmd.Path, sig)
	}
}

// run runs a program to its end and gives its output.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program(t, name), args...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
	return string(out)
}

// freePort gives a TCP port that nobody listens on.
func freePort(t testing.TB) int {
	t.Helper()
	// Below the range of which the kernel takes ports for clients: one of these
	// would otherwise have it when the server comes to listen.
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 15000+rand.IntN(17000)))
		if err != nil {
			continue
		}
		defer l.Close()
		return l.Addr().(*net.TCPAddr).Port
	}
	t.Fatal("found no free port in a thousand attempts")
	return 0
}

// waitFor waits until the condition holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// waitListening waits until the child listens on the port.
func waitListening(t testing.TB, c *child, port int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%s to listen on port %d", c.cmd.Path, port), func() bool {
		require.False(t, c.ended(), "%s ended: %s", c.cmd.Path, c.out)
		return listens(t, port)
	})
}

// listens asks the kernel, so that no connection is made.
func listens(t testing.TB, port int) bool {
	t.Helper()
	want := fmt.Sprintf(":%04X ", port)
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		for line := range strings.Lines(string(f)) {
			fields := strings.Fields(line)
			const listen = "0A"
			if len(fields) > 3 && strings.HasSuffix(fields[1]+" ", want) && fields[3] == listen {
				return true
			}
		}
	}
	return false
}

// children gives the processes whose parent is pid.
func children(t testing.TB, pid int) []int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	require.NoError(t, err)
	var pids []int
	for f := range strings.FieldsSeq(string(b)) {
		n, err := strconv.Atoi(f)
		require.NoError(t, err)
		pids = append(pids, n)
	}
	return pids
}

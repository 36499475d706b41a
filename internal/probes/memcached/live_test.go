// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package memcached_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client speaks the text protocol.
type client struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, port int) *client {
	t.Helper()
	c, err := net.Dial("tcp", dbtest.Address(port))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	return &client{t, c, bufio.NewReader(c)}
}

// do sends commands at once and reads until each has its last line.
func (c *client) do(request string, last ...string) (lines []string) {
	c.t.Helper()
	_, err := io.WriteString(c.c, request)
	require.NoError(c.t, err)
	for _, want := range last {
		for {
			line, err := c.r.ReadString('\n')
			require.NoError(c.t, err)
			line = strings.TrimSpace(line)
			lines = append(lines, line)
			if strings.HasPrefix(line, want) {
				break
			}
		}
	}
	return lines
}

// The server's own statistics are what is seen.
func TestLiveStats(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	port := dbtest.FreePort(t)
	program := dbtest.Program(t, "memcached")
	dbtest.Serve(t, port, exec.Command(program, "-u", "nobody", "-l", "127.0.0.1", "-p", strconv.Itoa(port)))
	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"exe": program}},
		"probes":  map[string]any{"memcached": map[string]any{"keys": true}},
	})
	c := dial(t, port)
	for i := range 300 {
		c.do(fmt.Sprintf("set k%d 0 0 2\r\nxy\r\n", i), "STORED")
		c.do(fmt.Sprintf("get k%d\r\n", i), "END")
		c.do("get missing\r\n", "END")
	}
	c.do("set n 0 0 1\r\n1\r\n", "STORED")
	for range 50 { // in one segment
		c.do("incr n 1\r\nget n\r\ntouch n 0\r\n", "", "END", "TOUCHED")
	}
	c.do("delete k1\r\n", "DELETED")
	c.do("nosuchcommand\r\n", "ERROR")
	c.do("set big 0 0 2000000\r\n"+strings.Repeat("x", 2000000)+"\r\n", "SERVER_ERROR")
	stats := map[string]int{}
	for _, line := range dial(t, port).do("stats\r\n", "END") {
		if f := strings.Fields(line); len(f) == 3 {
			stats[f[1]], _ = strconv.Atoi(f[2]) // some are not numbers
		}
	}
	require.NoError(t, c.c.Close())
	r.Shutdown()
	seen := map[string]int{}
	for _, s := range r.Spans(port) {
		require.Equal(t, ptrace.SpanKindServer, s.Kind())
		name, _ := dbtest.Attribute(s.Attributes(), "db.operation.name").(string)
		seen[name]++
		if s.Status().Code() == ptrace.StatusCodeError {
			seen["error "+dbtest.Attribute(s.Attributes(), "error.type").(string)]++
		}
		if name == "delete" {
			assert.Equal(t, "delete k1", dbtest.Attribute(s.Attributes(), "db.query.text"))
		}
	}
	assert.Equal(t, stats["cmd_get"], seen["get"])
	assert.Equal(t, stats["cmd_set"]+seen["error SERVER_ERROR"], seen["set"], "what is too large is not counted as a set")
	assert.Equal(t, stats["cmd_touch"], seen["touch"])
	assert.Equal(t, stats["incr_hits"], seen["incr"])
	assert.Equal(t, stats["delete_hits"], seen["delete"])
	assert.Equal(t, 1, seen["error SERVER_ERROR"])
	total := 0
	for name, n := range seen {
		if !strings.HasPrefix(name, "error ") {
			total += n
		}
	}
	assert.EqualValues(t, total, r.Measured(db.ServerDuration, func(pcommon.Map) bool { return true }))
}

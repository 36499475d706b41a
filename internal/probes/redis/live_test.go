// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package redis_test

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

// server runs Redis.
func server(t *testing.T) int {
	t.Helper()
	livetest.RequireRoot(t)
	program := dbtest.Program(t, "redis-server")
	port := dbtest.FreePort(t)
	cmd := exec.Command(program, "--port", strconv.Itoa(port), "--save", "", "--dir", t.TempDir())
	dbtest.Serve(t, port, cmd)
	return port
}

// ask sends one command by hand and gives the reply, a bulk string or a line.
func ask(t *testing.T, port int, command ...string) string {
	t.Helper()
	c, err := net.Dial("tcp", dbtest.Address(port))
	require.NoError(t, err)
	defer c.Close()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(command))
	for _, word := range command {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	_, err = io.WriteString(c, b.String())
	require.NoError(t, err)
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	if line[0] != '$' {
		return line
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	require.NoError(t, err)
	body := make([]byte, n)
	_, err = io.ReadFull(r, body)
	require.NoError(t, err)
	return string(body)
}

// commandstats reads how often each command was called.
func commandstats(t *testing.T, port int) map[string]int {
	t.Helper()
	calls := map[string]int{}
	for line := range strings.Lines(ask(t, port, "INFO", "commandstats")) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "cmdstat_"), ":calls=")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(rest[:strings.IndexByte(rest, ',')])
		require.NoError(t, err)
		calls[strings.ReplaceAll(name, "|", " ")] = n
	}
	return calls
}

// The server's own count of each command is what is seen at both ends.
func TestLiveCommandstats(t *testing.T) {
	livetest.CheckLeaks(t)
	port := server(t)
	bench, cli := dbtest.Program(t, "redis-benchmark"), dbtest.Program(t, "redis-cli")
	p := strconv.Itoa(port)
	r := dbtest.Start(t, map[string]any{
		"collection_interval": "200ms",
		"targets":             []any{map[string]any{"exe": "/usr/bin/redis-*"}},
		"probes":              map[string]any{"redis": map[string]any{}},
	})
	ask(t, port, "CONFIG", "RESETSTAT")
	for _, pipeline := range []string{"1", "16"} {
		dbtest.Run(t, exec.Command(bench, "-p", p, "-q", "-n", "2000", "-c", "4", "-P", pipeline, "-t", "set,get,incr,lpush,rpop,sadd,hset,mset"))
	}
	script := exec.Command(cli, "-p", p)
	script.Stdin = strings.NewReader(strings.Join([]string{
		"SELECT 3", "HSET h f v", "LPUSH h x", "NOSUCHCOMMAND", "MULTI", "INCR n", "INCR n", "EXEC", "MULTI", "INCR n", "DISCARD", "EVAL 'return 1' 0", "CLIENT GETNAME",
	}, "\n"))
	dbtest.Run(t, script)
	want := commandstats(t, port)
	delete(want, "config resetstat") // it ended before the count began

	seen := map[ptrace.SpanKind]map[string]int{ptrace.SpanKindServer: {}, ptrace.SpanKindClient: {}}
	var spans []ptrace.Span
	require.Eventually(t, func() bool {
		spans = r.Spans(port)
		n := 0
		for _, s := range spans {
			if s.Kind() == ptrace.SpanKindServer && dbtest.Attribute(s.Attributes(), "db.operation.name") == "INFO" {
				n++
			}
		}
		return n == 1
	}, 10*time.Second, 50*time.Millisecond)
	r.Shutdown()
	spans = r.Spans(port)
	for _, s := range spans {
		name, _ := dbtest.Attribute(s.Attributes(), "db.operation.name").(string)
		seen[s.Kind()][strings.ToLower(name)]++
	}
	server := seen[ptrace.SpanKindServer]
	assert.Equal(t, 1, server["info"])
	assert.Equal(t, 1, server["config resetstat"])
	assert.Equal(t, 1, server[""], "a command that the server does not know has no name")
	total := 0
	for _, n := range server {
		total += n
	}
	assert.EqualValues(t, total, r.Measured(db.ServerDuration, func(m pcommon.Map) bool {
		return true
	}))
	for _, name := range []string{"info", "config resetstat", ""} {
		delete(server, name)
	}
	assert.Equal(t, want, server)
	assert.Equal(t, want["get"], seen[ptrace.SpanKindClient]["get"])
	for _, s := range spans {
		if s.Kind() == ptrace.SpanKindServer && s.Name() == "LPUSH 127.0.0.1:"+p && s.Status().Code() == ptrace.StatusCodeError {
			assert.Equal(t, "WRONGTYPE", dbtest.Attribute(s.Attributes(), "db.response.status_code"))
			assert.Equal(t, "3", dbtest.Attribute(s.Attributes(), "db.namespace"))
			return
		}
	}
	t.Error("the error of LPUSH was not seen")
}

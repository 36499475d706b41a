// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package redis_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// The server's own count of each command is what is seen at both ends, over TLS.
func TestLiveEncrypted(t *testing.T) {
	livetest.CheckLeaks(t)
	livetest.RequireRoot(t)
	dir, port := t.TempDir(), dbtest.FreePort(t)
	cert, key := dbtest.Certificate(t, dir, os.Getuid(), os.Getgid())
	p := strconv.Itoa(port)
	dbtest.Serve(t, port, exec.Command(dbtest.Program(t, "redis-server"), "--port", "0", "--tls-port", p, "--save", "", "--dir", dir,
		"--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no"))
	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"exe": "/usr/bin/redis-*"}},
		"probes":  map[string]any{"redis": map[string]any{}},
	})
	bench, cli := dbtest.Program(t, "redis-benchmark"), dbtest.Program(t, "redis-cli")
	for _, pipeline := range []string{"1", "16"} {
		dbtest.Run(t, exec.Command(bench, "-p", p, "--tls", "--insecure", "-q", "-n", "1000", "-c", "4", "-P", pipeline, "-t", "set,get,incr,lpush"))
	}
	stats := exec.Command(cli, "-p", p, "--tls", "--insecure", "INFO", "commandstats")
	want := map[string]int{}
	for line := range strings.Lines(dbtest.Run(t, stats)) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if calls, _, ok := strings.Cut(rest, ","); ok {
			n, err := strconv.Atoi(calls)
			require.NoError(t, err)
			want[strings.ReplaceAll(name, "|", " ")] = n
		}
	}
	count := func(kind ptrace.SpanKind) map[string]int {
		seen := map[string]int{}
		for _, s := range r.Spans(port) {
			if s.Kind() == kind {
				name, _ := dbtest.Attribute(s.Attributes(), "db.operation.name").(string)
				seen[strings.ToLower(name)]++
			}
		}
		return seen
	}
	require.Eventually(t, func() bool { return count(ptrace.SpanKindServer)["info"] > 0 }, 10*time.Second, 50*time.Millisecond)
	r.Shutdown()
	t.Log(want, count(ptrace.SpanKindServer), count(ptrace.SpanKindClient))
	for _, name := range []string{"set", "get", "incr", "lpush"} {
		assert.GreaterOrEqual(t, want[name], 2000, name)
		assert.Equal(t, want[name], count(ptrace.SpanKindServer)[name], "server: %s", name)
		assert.Equal(t, want[name], count(ptrace.SpanKindClient)[name], "client: %s", name)
	}
}

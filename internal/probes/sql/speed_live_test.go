// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sql_test

import (
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
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// counting observes a program for metrics alone: no span is kept.
func counting(t *testing.T, program string) *dbtest.Receiver {
	t.Helper()
	return dbtest.StartPlain(t, map[string]any{
		"collection_interval": "200ms",
		"targets":             []any{map[string]any{"exe": program}},
		"probes":              map[string]any{"sql": map[string]any{"sampling": map[string]any{"ratio": 0}}},
	})
}

// measured waits until an operation is no longer measured more often, and gives how often
// it was.
func measured(t *testing.T, r *dbtest.Receiver, summary string) (n int) {
	t.Helper()
	last := -1
	require.Eventually(t, func() bool {
		last = n
		n = int(r.Measured(db.ServerDuration, func(m pcommon.Map) bool { return dbtest.Attribute(m, "db.query.summary") == summary }))
		return n > 0 && n == last
	}, time.Minute, time.Second)
	return n
}

// As fast as pgbench goes, what was measured and what was lost is what the server counted.
func TestLivePgFullSpeed(t *testing.T) {
	livetest.CheckLeaks(t)
	p := startPostgres(t)
	p.psql("-c", "CREATE EXTENSION pg_stat_statements")
	dbtest.Run(t, p.command("pgbench", "-i", "-q", "-s", "1"))
	r := counting(t, p.exe)
	p.psql("-c", "SELECT pg_stat_statements_reset()")
	dbtest.Run(t, p.command("pgbench", "-n", "-S", "-M", "prepared", "-c", "8", "-j", "2", "-T", "2"))
	want := p.callsOf("SELECT abalance%")
	got := measured(t, r, "SELECT pgbench_accounts")
	account := r.Account("sql")
	t.Logf("the server counted %d, %d were measured, account %v, records %v", want, got, account, r.Account("socket"))
	assert.Greater(t, want, 1000)
	assert.LessOrEqual(t, got, want)
	assert.EqualValues(t, want, int64(got)+account["lost"])
}

// callsOf is how often the server executed what is like a pattern.
func (p *postgres) callsOf(like string) int {
	n, err := strconv.Atoi(strings.TrimSpace(p.psql("-c", "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE '"+like+"'")))
	require.NoError(p.t, err)
	return n
}

// Statements that libpq sends before it has read the results of others, a COPY in each
// direction and a cursor are as many as the server counts, on both sides.
func TestLivePgPipelineCopyAndCursor(t *testing.T) {
	livetest.CheckLeaks(t)
	p := startPostgres(t)
	p.psql("-c", "CREATE EXTENSION pg_stat_statements; CREATE TABLE lines (n int, line text)")
	dir, err := os.MkdirTemp("", "sql")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	var lines strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&lines, "%d\thunter2 %s\n", i, strings.Repeat("x", 50))
	}
	data := write("lines.txt", lines.String())
	script := write("pipeline.sql", "\\startpipeline\nINSERT INTO lines VALUES (:client_id, 'hunter2');\nSELECT count(*) FROM lines WHERE n < 3;\nUPDATE lines SET line = 'y' WHERE n = -1;\n\\endpipeline\n")
	r := dbtest.StartPlain(t, map[string]any{
		"targets": []any{map[string]any{"exe": p.exe}, map[string]any{"exe": "/usr/lib/postgresql/*/bin/p*"}},
		"probes":  map[string]any{"sql": map[string]any{}},
	})
	p.psql("-c", "SELECT pg_stat_statements_reset()")
	for _, mode := range []string{"extended", "prepared"} {
		dbtest.Run(t, p.command("pgbench", "-n", "-M", mode, "-c", "2", "-t", "50", "-f", script))
	}
	p.psql("-c", `\copy lines FROM '`+data+"'")
	p.psql("-c", `\copy (SELECT * FROM lines) TO '`+filepath.Join(dir, "out.txt")+"'")
	p.psql("-v", "FETCH_COUNT=1000", "-o", "/dev/null", "-c", "SELECT n FROM lines ORDER BY n")
	want := map[string]int{}
	for _, c := range []struct{ summary, like string }{
		{"INSERT lines", "INSERT INTO lines%"}, {"SELECT lines", "SELECT count%"}, {"UPDATE lines", "UPDATE lines%"},
	} {
		want[c.summary] = p.callsOf(c.like)
		assert.Equal(t, 200, want[c.summary], c.summary)
	}
	for word, like := range map[string]string{"COPY": "COPY%", "FETCH": "FETCH%", "DECLARE": "DECLARE%"} {
		want[word] = p.callsOf(like)
	}
	require.Equal(t, 2, want["COPY"])
	require.Greater(t, want["FETCH"], 5)
	r.Shutdown()
	word := regexp.MustCompile(`^(COPY|FETCH|DECLARE)\b`)
	for _, kind := range []ptrace.SpanKind{ptrace.SpanKindClient, ptrace.SpanKindServer} {
		seen := map[string]int{}
		for _, s := range operations(r.Spans(p.port), kind) {
			name := s.Name()
			if w := word.FindString(name); w != "" {
				name = w
			}
			if _, ok := want[name]; ok {
				seen[name]++
			}
			for k, v := range s.Attributes().All() {
				require.NotContains(t, v.AsString(), "hunter2", k)
			}
		}
		assert.Equal(t, want, seen, kind)
	}
}

// status gives counters of the server, as "Com_stmt_execute".
func (m *mariadb) status() map[string]int {
	n := map[string]int{}
	for line := range strings.Lines(m.run("SHOW GLOBAL STATUS")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n[name], _ = strconv.Atoi(value) // some are no numbers
	}
	return n
}

// Prepared statements in the binary protocol, as fast as sysbench sends them: what was
// measured and what was lost is what the server counted. A client that compresses is seen
// by nobody, and disturbs nothing.
func TestLiveMariaDBFullSpeed(t *testing.T) {
	livetest.CheckLeaks(t)
	m := startMariaDB(t)
	m.run("CREATE DATABASE shop")
	bench := func(args ...string) {
		all := append([]string{"--db-driver=mysql", "--mysql-host=127.0.0.1", "--mysql-port=" + strconv.Itoa(m.port), "--mysql-user=root",
			"--mysql-db=shop", "--mysql-ssl=off", "--tables=1", "--table-size=1000", "--threads=4", "--time=0"}, args...)
		dbtest.Run(t, exec.Command(dbtest.Program(t, "sysbench"), all...))
	}
	bench("oltp_point_select", "prepare")
	r := counting(t, m.exe)
	before := m.status()
	bench("--events=20000", "oltp_point_select", "run")
	compressed := exec.Command(dbtest.Program(t, "mariadb"), "--no-defaults", "-h", "127.0.0.1", "-P", strconv.Itoa(m.port), "-u", "root", "--skip-ssl", "--compress",
		"-e", "SELECT c FROM shop.sbtest1 WHERE id = 1")
	dbtest.Run(t, compressed)
	after := m.status()
	want := after["Com_stmt_execute"] - before["Com_stmt_execute"]
	got := measured(t, r, "SELECT sbtest1")
	account := r.Account("sql")
	t.Logf("the server counted %d, %d were measured, account %v, records %v", want, got, account, r.Account("socket"))
	assert.GreaterOrEqual(t, want, 20000)
	assert.LessOrEqual(t, got, want)
	assert.EqualValues(t, want, int64(got)+account["lost"])
	assert.Zero(t, account["lost undecodable"])
}

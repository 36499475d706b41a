// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sql_test

import (
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

// PostgreSQL changes to TLS on a connection that has begun without: what psql and
// pgbench then send is what the server counted.
func TestLiveEncryptedPostgreSQL(t *testing.T) {
	livetest.CheckLeaks(t)
	livetest.RequireRoot(t)
	p := &postgres{t: t, port: dbtest.FreePort(t), exe: installed(t, "postgres"), ssl: "require"}
	uid, gid, dir := account(t, "postgres")
	data := initialized(t, dir, "postgres", func(data string) {
		initdb := exec.Command(installed(t, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
		initdb.Dir = dir
		dbtest.Run(t, dbtest.As(t, initdb, uid, gid))
	})
	cert, key := dbtest.Certificate(t, dir, uid, gid)
	server := exec.Command(p.exe, "-D", data, "-p", strconv.Itoa(p.port), "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
		"-c", "shared_preload_libraries=pg_stat_statements", "-c", "pg_stat_statements.track_utility=on", "-c", "autovacuum=off",
		"-c", "ssl=on", "-c", "ssl_cert_file="+cert, "-c", "ssl_key_file="+key)
	server.Dir = dir
	dbtest.Serve(t, p.port, dbtest.As(t, server, uid, gid))
	require.Eventually(t, func() bool { return p.command("psql", "-c", "SELECT 1").Run() == nil }, time.Minute, 50*time.Millisecond)
	p.psql("-c", "CREATE EXTENSION pg_stat_statements")
	dbtest.Run(t, p.command("pgbench", "-i", "-q", "-s", "1"))
	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"exe": p.exe}, map[string]any{"exe": "/usr/lib/postgresql/*/bin/pgbench"}},
		"probes":  map[string]any{"sql": map[string]any{}},
	})
	assert.Equal(t, "t\n", p.psql("-c", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "it is encrypted")
	p.psql("-c", "SELECT pg_stat_statements_reset()")
	dbtest.Run(t, p.command("pgbench", "-n", "-M", "extended", "-c", "2", "-t", "100"))
	want := p.calls()
	require.GreaterOrEqual(t, want, 2*100*5)
	r.Shutdown()
	spans := r.Spans(p.port)
	// Of prepared BEGIN and END the server counts only the first; the other was before the reset.
	other := func(s ptrace.Span) bool {
		text, _ := dbtest.Attribute(s.Attributes(), "db.query.text").(string)
		return text == "BEGIN" || text == "END" || text == "BEGIN;" || text == "END;" || strings.Contains(text, "pg_stat_ssl")
	}
	count := func(kind ptrace.SpanKind) (n int) {
		for _, s := range operations(spans, kind) {
			if !other(s) {
				n++
			}
		}
		return n
	}
	assert.Equal(t, want, count(ptrace.SpanKindServer))
	assert.Equal(t, want, count(ptrace.SpanKindClient))
}

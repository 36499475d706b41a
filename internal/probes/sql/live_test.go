// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sql_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// installed finds a program of PostgreSQL, which Debian keeps off the path.
func installed(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	require.NoError(t, err)
	return dbtest.Program(t, append(found, name)...)
}

// account finds a user that is not root, and makes a folder of its own.
func account(t *testing.T, name string) (uid, gid int, dir string) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	require.NoError(t, err)
	uid, _ = strconv.Atoi(u.Uid)
	gid, _ = strconv.Atoi(u.Gid)
	dir, err = os.MkdirTemp("", "sql") // that of the test cannot be entered by others
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chown(dir, uid, gid))
	return uid, gid, dir
}

// prepared is a folder with what servers begin with, by their name. It goes with TestMain.
var prepared = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "sql") })

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		if dir, err := prepared(); err != nil || os.RemoveAll(dir) != nil {
			status = 1
		}
		os.Exit(status)
	}))
}

// initialized gives a server a folder of data below its own. To make one takes seconds: it is
// done once for each server, and then copied.
func initialized(t *testing.T, dir, server string, make func(data string)) (data string) {
	t.Helper()
	data = filepath.Join(dir, "data")
	all, err := prepared()
	require.NoError(t, err)
	kept := filepath.Join(all, server)
	if _, err := os.Stat(kept); err == nil {
		dbtest.Run(t, exec.Command("cp", "-a", kept, data))
		return data
	}
	make(data)
	dbtest.Run(t, exec.Command("cp", "-a", data, kept))
	return data
}

// postgres is a running PostgreSQL.
type postgres struct {
	t    *testing.T
	port int
	exe  string
	ssl  string // PGSSLMODE, if not disable
}

func startPostgres(t *testing.T) *postgres {
	t.Helper()
	livetest.RequireRoot(t)
	p := &postgres{t: t, port: dbtest.FreePort(t), exe: installed(t, "postgres")}
	uid, gid, dir := account(t, "postgres")
	data := initialized(t, dir, "postgres", func(data string) {
		initdb := exec.Command(installed(t, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
		initdb.Dir = dir
		dbtest.Run(t, dbtest.As(t, initdb, uid, gid))
	})
	server := exec.Command(p.exe, "-D", data, "-p", strconv.Itoa(p.port), "-k", dir, "-c", "listen_addresses=127.0.0.1",
		"-c", "fsync=off", "-c", "shared_preload_libraries=pg_stat_statements", "-c", "pg_stat_statements.track_utility=on", "-c", "autovacuum=off")
	server.Dir = dir
	dbtest.Serve(t, p.port, dbtest.As(t, server, uid, gid))
	require.Eventually(t, func() bool {
		return p.command("psql", "-c", "SELECT 1").Run() == nil // it may be starting up
	}, time.Minute, 50*time.Millisecond)
	return p
}

// command makes one of a client, with arguments behind those of the connection.
func (p *postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(installed(p.t, name), append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "postgres"}, args...)...)
	cmd.Env = append(os.Environ(), "PGDATABASE=postgres", "PGSSLMODE="+cmp.Or(p.ssl, "disable"), "PGGSSENCMODE=disable")
	return cmd
}

func (p *postgres) psql(args ...string) string {
	return dbtest.Run(p.t, p.command("psql", append([]string{"-X", "-A", "-t", "-q"}, args...)...))
}

// calls is the number of statements that the server executed since the reset,
// without the one that asks. Of prepared BEGIN and END it counts only the first.
func (p *postgres) calls() int {
	n, err := strconv.Atoi(strings.TrimSpace(p.psql("-c", `SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
		WHERE query NOT LIKE '%pg_stat_statements%' AND query NOT IN ('BEGIN', 'END')`)))
	require.NoError(p.t, err)
	return n
}

// operations are the spans of one side, without those of the test's own questions.
func operations(spans []ptrace.Span, kind ptrace.SpanKind) []ptrace.Span {
	return slices.DeleteFunc(slices.Clone(spans), func(s ptrace.Span) bool {
		text, _ := dbtest.Attribute(s.Attributes(), "db.query.text").(string)
		return s.Kind() != kind || strings.Contains(text, "pg_stat_statements")
	})
}

// The server's own count of statements is what is seen, in every way that pgbench can
// speak to it.
func TestLivePgStatStatements(t *testing.T) {
	livetest.CheckLeaks(t)
	for _, mode := range []string{"simple", "extended", "prepared"} {
		t.Run(mode, func(t *testing.T) {
			p := startPostgres(t)
			p.psql("-c", "CREATE EXTENSION pg_stat_statements")
			dbtest.Run(t, p.command("pgbench", "-i", "-q", "-s", "1"))
			r := dbtest.Start(t, map[string]any{
				"collection_interval": "200ms",
				"targets":             []any{map[string]any{"exe": p.exe}, map[string]any{"exe": "/usr/lib/postgresql/*/bin/pgbench"}},
				"probes":              map[string]any{"sql": map[string]any{}},
			})
			p.psql("-c", "SELECT pg_stat_statements_reset()")
			dbtest.Run(t, p.command("pgbench", "-n", "-M", mode, "-c", "2", "-t", "200"))
			want := p.calls()
			require.GreaterOrEqual(t, want, 2*200*5)
			r.Shutdown()
			spans := r.Spans(p.port)
			server := operations(spans, ptrace.SpanKindServer)
			const transactions = 2 * 2 * 200 // BEGIN and END
			assert.Equal(t, want, len(server)-transactions)
			assert.Equal(t, want, len(operations(spans, ptrace.SpanKindClient))-transactions)
			summaries := map[string]int{}
			for _, s := range server {
				summaries[s.Name()]++
				require.Equal(t, "postgres", dbtest.Attribute(s.Attributes(), "db.namespace"))
			}
			for _, name := range []string{"BEGIN", "END", "UPDATE pgbench_accounts", "SELECT pgbench_accounts", "UPDATE pgbench_tellers", "UPDATE pgbench_branches", "INSERT pgbench_history"} {
				assert.Equal(t, 400, summaries[name], "%s of %v", name, summaries)
			}
			assert.EqualValues(t, 400, r.Measured("db.client.operation.duration", func(m pcommon.Map) bool {
				return dbtest.Attribute(m, "db.query.summary") == "SELECT pgbench_accounts"
			}))
			assert.EqualValues(t, 400, r.Measured(db.ServerDuration, func(m pcommon.Map) bool {
				return dbtest.Attribute(m, "db.query.summary") == "SELECT pgbench_accounts"
			}))
		})
	}
}

// What psql sends becomes spans with names, errors and the context of a comment; no
// literal leaves the receiver.
func TestLivePsql(t *testing.T) {
	livetest.CheckLeaks(t)
	p := startPostgres(t)
	r := dbtest.StartPlain(t, map[string]any{
		"targets": []any{map[string]any{"exe": p.exe}},
		"probes":  map[string]any{"sql": map[string]any{}},
	})
	const trace = "0af7651916cd43dd8448eb211c80319c"
	p.psql("-c", "CREATE TABLE users (name text)")
	p.psql("-c", "INSERT INTO users VALUES ('hunter2')")
	require.Error(t, p.command("psql", "-c", "SELECT * FROM missing WHERE a = 'hunter2'").Run())
	p.psql("-c", fmt.Sprintf("SELECT * FROM users WHERE name = 'hunter2' /*traceparent='00-%s-b7ad6b7169203331-01'*/", trace))
	require.Eventually(t, func() bool { return len(r.Spans(p.port)) >= 4 }, 10*time.Second, 50*time.Millisecond)
	r.Shutdown()
	byName := map[string]ptrace.Span{}
	for _, s := range operations(r.Spans(p.port), ptrace.SpanKindServer) {
		byName[s.Name()] = s
		for k, v := range s.Attributes().All() {
			assert.NotContains(t, v.AsString(), "hunter2", k)
			assert.NotContains(t, v.AsString(), "traceparent", k)
		}
	}
	attr := func(span, key string) any { return dbtest.Attribute(byName[span].Attributes(), key) }
	require.Len(t, byName, 4)
	assert.Equal(t, "INSERT INTO users VALUES (?)", attr("INSERT users", "db.query.text"))
	assert.Equal(t, "INSERT", attr("INSERT users", "db.operation.name"))
	assert.Equal(t, "42P01", attr("SELECT missing", "db.response.status_code"))
	assert.Equal(t, "42P01", attr("SELECT missing", "error.type"))
	assert.Equal(t, ptrace.StatusCodeError, byName["SELECT missing"].Status().Code())
	assert.Equal(t, "SELECT * FROM users WHERE name = ?", attr("SELECT users", "db.query.text"))
	assert.Equal(t, trace, byName["SELECT users"].TraceID().String())
	assert.Equal(t, "b7ad6b7169203331", byName["SELECT users"].ParentSpanID().String())
}

// mariadb is a running MariaDB.
type mariadb struct {
	t    *testing.T
	port int
	exe  string
}

func startMariaDB(t *testing.T) *mariadb {
	t.Helper()
	livetest.RequireRoot(t)
	m := &mariadb{t: t, port: dbtest.FreePort(t), exe: dbtest.Program(t, "mariadbd")}
	uid, gid, dir := account(t, "mysql")
	data := initialized(t, dir, "mariadb", func(data string) {
		install := exec.Command(dbtest.Program(t, "mariadb-install-db"), "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
		dbtest.Run(t, dbtest.As(t, install, uid, gid))
	})
	server := exec.Command(m.exe, "--no-defaults", "--datadir="+data, "--bind-address=127.0.0.1", "--port="+strconv.Itoa(m.port),
		"--socket="+filepath.Join(dir, "s"), "--pid-file="+filepath.Join(dir, "pid"), "--skip-name-resolve")
	dbtest.Serve(t, m.port, dbtest.As(t, server, uid, gid))
	return m
}

func (m *mariadb) run(script string) string {
	cmd := exec.Command(dbtest.Program(m.t, "mariadb"), "--no-defaults", "-h", "127.0.0.1", "-P", strconv.Itoa(m.port), "-u", "root", "--skip-ssl", "--force", "-N", "-B")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if !strings.Contains(script, "missing") {
		require.NoError(m.t, err, "%s", out)
	}
	return string(out)
}

// The server's own count of statements of each kind is what is seen on either side.
func TestLiveShowGlobalStatus(t *testing.T) {
	livetest.CheckLeaks(t)
	m := startMariaDB(t)
	m.run("CREATE DATABASE shop; CREATE TABLE shop.users (id int, name varchar(30))")
	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"exe": "/usr/sbin/mariadbd"}, map[string]any{"exe": "/usr/bin/mariadb*"}},
		"probes":  map[string]any{"sql": map[string]any{"names_from_query": true}},
	})
	m.run("FLUSH GLOBAL STATUS")
	var script strings.Builder
	script.WriteString("USE shop;\n")
	for i := range 200 {
		fmt.Fprintf(&script, "INSERT INTO users VALUES (%d, 'hunter2');\nSELECT * FROM users WHERE id = %d;\n", i, i)
	}
	script.WriteString("PREPARE s FROM 'SELECT id FROM users WHERE name = ?'; SET @n = 'hunter2';\n")
	script.WriteString("UPDATE users SET name = \"hunter2\" WHERE id < 100;\nDELETE FROM users WHERE id > 190;\nSELECT * FROM missing;\n")
	m.run(script.String())
	status := map[string]int{}
	for line := range strings.Lines(m.run("SHOW GLOBAL STATUS LIKE 'Com\\_%'")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.Atoi(value)
		require.NoError(t, err)
		status[strings.ToUpper(strings.TrimPrefix(name, "Com_"))] = n
	}
	r.Shutdown()
	for _, kind := range []ptrace.SpanKind{ptrace.SpanKindClient, ptrace.SpanKindServer} {
		t.Run(kind.String(), func(t *testing.T) { checkStatus(t, status, r.Spans(m.port), kind) })
	}
}

// The database that a login names is that of the statements, at both ends, until another is used.
func TestLiveMariaDBLogin(t *testing.T) {
	livetest.CheckLeaks(t)
	m := startMariaDB(t)
	m.run("CREATE DATABASE shop; CREATE DATABASE warehouse; CREATE USER 'me'@'%' IDENTIFIED BY 'hunter2'; GRANT ALL ON *.* TO 'me'@'%'")
	r := dbtest.StartPlain(t, map[string]any{
		"targets": []any{map[string]any{"exe": "/usr/sbin/mariadbd"}, map[string]any{"exe": "/usr/bin/mariadb"}},
		"probes":  map[string]any{"sql": map[string]any{}},
	})
	for database, script := range map[string]string{"shop": "SELECT 'in shop'", "warehouse": "SELECT 'in warehouse'; USE shop; SELECT 'after use'", "": "SELECT 'in none'"} {
		cmd := exec.Command(dbtest.Program(t, "mariadb"), "--no-defaults", "-h", "127.0.0.1", "-P", strconv.Itoa(m.port), "-u", "me", "-phunter2", "--skip-ssl", "-N", "-e", script, database)
		dbtest.Run(t, cmd)
	}
	r.Shutdown()
	got := map[string]int{}
	for _, s := range r.Spans(m.port) {
		if dbtest.Attribute(s.Attributes(), "db.query.text") == "SELECT ?" {
			got[fmt.Sprint(s.Kind(), " ", dbtest.Attribute(s.Attributes(), "db.namespace"))]++
		}
	}
	assert.Equal(t, map[string]int{
		"Client shop": 2, "Server shop": 2, "Client warehouse": 1, "Server warehouse": 1, "Client <nil>": 1, "Server <nil>": 1,
	}, got)
}

// checkStatus compares the spans of one side with the server's counts.
func checkStatus(t *testing.T, status map[string]int, spans []ptrace.Span, kind ptrace.SpanKind) {
	t.Helper()
	seen := map[string]int{}
	for _, s := range spans {
		if s.Kind() != kind {
			continue
		}
		require.Equal(t, "mariadb", dbtest.Attribute(s.Attributes(), "db.system.name"))
		name, _ := dbtest.Attribute(s.Attributes(), "db.operation.name").(string)
		seen[name]++
		for k, v := range s.Attributes().All() {
			require.NotContains(t, v.AsString(), "hunter2", k)
		}
		if s.Name() == "SELECT missing" {
			assert.Equal(t, "1146", dbtest.Attribute(s.Attributes(), "db.response.status_code"))
			assert.Equal(t, "shop", dbtest.Attribute(s.Attributes(), "db.namespace"))
		}
	}
	for _, name := range []string{"INSERT", "SELECT", "UPDATE", "DELETE"} {
		assert.Equal(t, status[name], seen[name], "%s of %v", name, seen)
	}
	assert.Positive(t, seen["USE"])
}

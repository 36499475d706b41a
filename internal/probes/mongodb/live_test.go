// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package mongodb_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

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

// programs builds FerretDB and a client with MongoDB's own driver.
func programs(t *testing.T) (server, client string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(dbtest.Program(t, "go"), "build", "-o", dir, "./client", "./server")
	cmd.Dir = filepath.Join("..", "..", "..", "testdata", "clients", "mongodb")
	dbtest.Run(t, cmd)
	return filepath.Join(dir, "server"), filepath.Join(dir, "client")
}

// run starts the client and gives what it counted by command, and "error " and the command.
func run(t *testing.T, client string, port int, args ...string) map[string]int {
	t.Helper()
	args = append([]string{"-uri", "mongodb://" + dbtest.Address(port) + "/?directConnection=true"}, args...)
	cmd := exec.CommandContext(t.Context(), client, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	counts := map[string]int{}
	require.NoError(t, json.Unmarshal(out, &counts))
	return counts
}

// seen counts spans of a kind as run does.
func seen(r *dbtest.Receiver, port int, kind ptrace.SpanKind) map[string]int {
	n := map[string]int{}
	for _, s := range r.Spans(port) {
		if s.Kind() != kind {
			continue
		}
		name, _ := dbtest.Attribute(s.Attributes(), "db.operation.name").(string)
		n[name]++
		if s.Status().Code() == ptrace.StatusCodeError && dbtest.Attribute(s.Attributes(), "db.response.status_code") != "11000" {
			n["error "+name]++
		}
	}
	return n
}

// What is seen of server and client is what the server's own statistics and the
// driver count.
func TestLiveCounts(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	server, client := programs(t)
	port := dbtest.FreePort(t)
	dbtest.Serve(t, port, exec.Command(server, "-listen", dbtest.Address(port), "-dir", t.TempDir()))
	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"exe": server}, map[string]any{"exe": client}},
		"probes":  map[string]any{"mongodb": map[string]any{"metrics": map[string]any{"returned_rows": true}}},
	})
	const rounds = 20
	driver := run(t, client, port, "-rounds", strconv.Itoa(rounds), "-workers", "2")
	stats := run(t, client, port, "-stats")
	r.Shutdown()

	// The names of commands that nobody knows may be any, and are not told.
	delete(driver, "noSuchCommand")
	delete(driver, "error noSuchCommand")
	asServer, asClient := seen(r, port, ptrace.SpanKindServer), seen(r, port, ptrace.SpanKindClient)
	for name, n := range driver {
		if name != "endSessions" && name != "error endSessions" { // the second client ends one, too
			assert.Equal(t, n, asServer[name], "server: %s", name)
			assert.Equal(t, n, asClient[name], "client: %s", name)
		}
	}
	for name, n := range stats {
		switch name {
		case "unknown": // FerretDB's name for legacy handshakes
			assert.GreaterOrEqual(t, asServer["isMaster"], n)
		case "noSuchCommand", "error noSuchCommand":
			assert.Equal(t, n, asServer[strings.Replace(name, "noSuchCommand", "", 1)])
		case "hello", "serverStatus", "endSessions", "error endSessions": // also of the client that asked
		default:
			assert.Equal(t, n, asServer[name], "statistics: %s", name)
		}
	}
	check(t, r, port, rounds)
	total := 0
	for name, n := range asServer {
		if !strings.HasPrefix(name, "error ") {
			total += n
		}
	}
	assert.EqualValues(t, total, r.Measured(db.ServerDuration, func(pcommon.Map) bool { return true }))
	assert.NotZero(t, r.Measured("db.client.operation.duration", func(pcommon.Map) bool { return true }))
}

// check looks at what spans tell.
func check(t *testing.T, r *dbtest.Receiver, port, rounds int) {
	t.Helper()
	duplicates, many := 0, 0
	for _, s := range r.Spans(port) {
		m := s.Attributes()
		get := func(key string) any { return dbtest.Attribute(m, key) }
		assert.Equal(t, "mongodb", get("db.system.name"))
		switch get("db.operation.name") {
		case "insert":
			assert.Equal(t, "shop", get("db.namespace"))
			assert.Contains(t, []any{"people0", "people1"}, get("db.collection.name"))
			assert.Equal(t, "insert "+get("db.collection.name").(string), s.Name())
			if get("db.response.status_code") == "11000" {
				assert.Equal(t, "11000", get("error.type"))
				assert.Equal(t, ptrace.StatusCodeError, s.Status().Code())
				duplicates++
			}
			if get("db.operation.batch.size") == int64(30) {
				many++
			}
		case "find":
			assert.EqualValues(t, 10, get("db.response.returned_rows"))
		case "getMore":
			assert.Equal(t, "getMore "+get("db.collection.name").(string), s.Name())
		case "ping":
			assert.Equal(t, "ping shop", s.Name())
		case nil:
			assert.Equal(t, "59", get("db.response.status_code"))
			assert.Equal(t, "shop", s.Name())
		}
	}
	assert.Equal(t, 2*2*rounds, duplicates)
	assert.Equal(t, 2*2*rounds, many)
}

// At full speed nothing is lost that is not counted.
func TestLiveFullSpeed(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	server, client := programs(t)
	port := dbtest.FreePort(t)
	dbtest.Serve(t, port, exec.Command(server, "-listen", dbtest.Address(port), "-dir", t.TempDir()))
	r := dbtest.StartPlain(t, map[string]any{
		"targets": []any{map[string]any{"exe": server}},
		"probes":  map[string]any{"mongodb": map[string]any{}},
	})
	driver := run(t, client, port, "-finds", "-rounds", "3000", "-workers", "4")
	r.Shutdown()
	got := seen(r, port, ptrace.SpanKindServer)
	t.Logf("the driver made %v, seen were %v", driver, got)
	assert.Equal(t, driver["find"], got["find"])
}

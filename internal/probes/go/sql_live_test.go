// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// startPostgres starts a PostgreSQL as another user than root, which it refuses.
func startPostgres(t *testing.T) (port int) {
	t.Helper()
	program := func(name string) string { // Debian keeps it off the path
		found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
		require.NoError(t, err)
		return dbtest.Program(t, append(found, name)...)
	}
	u, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	dir, err := os.MkdirTemp("", "go-sql") // that of the test cannot be entered by others
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chown(dir, uid, gid))
	port = dbtest.FreePort(t)
	data := filepath.Join(dir, "data")
	initdb := exec.Command(program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
	initdb.Dir = dir
	dbtest.Run(t, dbtest.As(t, initdb, uid, gid))
	server := exec.Command(program("postgres"), "-D", data, "-p", strconv.Itoa(port), "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
	server.Dir = dir
	dbtest.Serve(t, port, dbtest.As(t, server, uid, gid))
	return port
}

// A service that asks a database in goroutines, through a pool that is smaller than the
// number of callers: each query is a child of the request that it names.
func TestLiveSQL(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	exe := filepath.Join(t.TempDir(), "sqlservice")
	build := exec.Command("go", "build", "-o", exe, ".")
	build.Dir = "testdata/sqlservice"
	dbtest.Run(t, build)
	database := startPostgres(t)
	pid, port := run(t, exe, fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable", database))
	url := fmt.Sprint("http://127.0.0.1:", port, "/")
	require.Eventually(t, func() bool {
		res, err := http.Get(url + "ready")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}, 20*time.Second, 100*time.Millisecond)

	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"pid": pid}}, "probes": map[string]any{"http": nil, "sql": nil, "go": nil},
	})
	// The first queries are why it is followed which goroutines it starts.
	warm := 0
	require.Eventually(t, func() bool {
		res, err := http.Get(fmt.Sprint(url, "warm_", warm))
		if err != nil || res.Body.Close() != nil {
			return false
		}
		warm++
		for _, s := range r.Spans(database) {
			if !s.ParentSpanID().IsEmpty() {
				return true
			}
		}
		return false
	}, 20*time.Second, 200*time.Millisecond)
	const callers, each = 16, 20
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				res, err := http.Get(fmt.Sprintf("%sr_%d_%d", url, c, i))
				if assert.NoError(t, err) {
					assert.Equal(t, http.StatusOK, res.StatusCode)
					_ = res.Body.Close()
				}
			}
		})
	}
	wg.Wait()
	time.Sleep(time.Second)
	r.Shutdown()

	requests := map[[8]byte]string{}
	for _, s := range r.Spans(port) {
		if s.Kind() == ptrace.SpanKindServer {
			if name := strings.TrimPrefix(dbtest.Attribute(s.Attributes(), "url.path").(string), "/"); !strings.HasPrefix(name, "warm") {
				requests[s.SpanID()] = name
			}
		}
	}
	assert.Len(t, requests, callers*each)
	queries, orphans, strangers := map[string]int{}, 0, 0
	for _, s := range r.Spans(database) {
		text, _ := dbtest.Attribute(s.Attributes(), "db.query.text").(string)
		_, name, ok := strings.Cut(text, " AS ")
		if !ok || strings.HasPrefix(name, "warm") {
			continue // of the pool's own, or before
		}
		queries[name]++
		parent, ok := requests[s.ParentSpanID()]
		switch {
		case !ok:
			orphans++
		case parent != name:
			strangers++
		}
	}
	assert.Len(t, queries, callers*each)
	for name, n := range queries {
		assert.Equal(t, 2, n, name)
	}
	assert.Zero(t, orphans, "queries without a parent")
	assert.Zero(t, strangers, "queries under a request that did not make them")
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ebpfreceiver/ebpfreceiver"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// buildGRPC builds the program of testdata without symbols, with the module's grpc-go or with a version.
func buildGRPC(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	exe := filepath.Join(dir, "grpcfan")
	if version == "" {
		dbtest.Run(t, exec.Command("go", "build", "-ldflags=-s -w", "-o", exe, "./testdata/grpcfan"))
		return exe
	}
	source, err := os.ReadFile("testdata/grpcfan/main.go")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), source, 0o600))
	mod := fmt.Sprintf("module grpcfan\n\ngo 1.22\n\nrequire google.golang.org/grpc %s\n", version)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o600))
	build := exec.Command("go", "build", "-mod=mod", "-ldflags=-s -w", "-o", exe, ".")
	build.Dir = dir
	dbtest.Run(t, build)
	return exe
}

// Each request to the service makes it ask, in goroutines, a server of gRPC and one of HTTP; the
// former asks, in goroutines, another one of gRPC and two of HTTP. Of 64 callers at a time each
// request is one trace, in which every call is under what it was made for. All calls between two of
// them share one connection. GRPC_VERSIONS, as "v1.65.0 v1.70.0", adds versions of grpc-go.
func TestLiveGRPCFanOut(t *testing.T) {
	livetest.RequireRoot(t)
	testGRPCFanOut(t, "")
	for version := range strings.FieldsSeq(os.Getenv("GRPC_VERSIONS")) {
		t.Run(version, func(t *testing.T) { testGRPCFanOut(t, version) })
	}
}

func testGRPCFanOut(t *testing.T, version string) {
	livetest.CheckLeaks(t)
	exe := buildGRPC(t, version)
	var targets []any
	start := func(name string, others ...string) (web, rpc int) {
		web, rpc = dbtest.FreePort(t), dbtest.FreePort(t)
		cmd := exec.Command(exe, append([]string{strconv.Itoa(web), strconv.Itoa(rpc)}, others...)...)
		dbtest.Serve(t, web, cmd)
		targets = append(targets, map[string]any{"pid": cmd.Process.Pid, "service_name": name})
		return web, rpc
	}
	url := func(port int) string { return fmt.Sprint("http://127.0.0.1:", port) }
	leafWeb, leafRPC := start("leaf")
	_, middleRPC := start("middle", dbtest.Address(leafRPC), url(leafWeb), url(leafWeb))
	web, _ := start("service", dbtest.Address(middleRPC), url(leafWeb))

	sink := new(consumertest.TracesSink)
	f := ebpfreceiver.NewFactory()
	cfg := f.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"targets": targets, "probes": map[string]any{"http": nil, "go": nil},
	}).Unmarshal(cfg))
	set := receivertest.NewNopSettings(f.Type())
	core, logs := observer.New(zap.InfoLevel)
	set.Logger = zap.New(core)
	r, err := f.CreateTraces(context.Background(), set, cfg, sink)
	require.NoError(t, err)
	require.NoError(t, r.Start(context.Background(), componenttest.NewNopHost()))

	const callers, each = 64, 10
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	get := func(c, i int) {
		res, err := client.Get(fmt.Sprintf("%s/r/%d-%d", url(web), c, i))
		if assert.NoError(t, err) {
			assert.Equal(t, http.StatusOK, res.StatusCode)
			_ = res.Body.Close()
		}
	}
	warm := 1
	require.Eventually(t, func() bool { // the first calls are why it is followed which goroutines they start
		get(callers, 0)
		warm++
		return logs.FilterMessageSnippet("that a Go program starts are followed").Len() == 1
	}, 20*time.Second, 200*time.Millisecond)
	get(callers, 1)
	const spansOfOne = 1 + 2 + 1 + 3 + 1 + 3 // of the service, of middle, of leaf
	// A span may wait half a minute for its parent.
	require.Eventually(t, func() bool { return sink.SpanCount() >= warm*spansOfOne }, 40*time.Second, 50*time.Millisecond)
	sink.Reset()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				get(c, i)
			}
		})
	}
	wg.Wait()
	client.CloseIdleConnections()
	const n = callers * each
	assert.Eventually(t, func() bool { return sink.SpanCount() >= n*spansOfOne }, 20*time.Second, 50*time.Millisecond)
	require.NoError(t, r.Shutdown(context.Background()))

	all := spans(sink)
	for _, want := range []struct {
		service string
		kind    ptrace.SpanKind
		n       int
	}{
		{"service", ptrace.SpanKindServer, 1}, {"service", ptrace.SpanKindClient, 2}, {"middle", ptrace.SpanKindServer, 1},
		{"middle", ptrace.SpanKindClient, 3}, {"leaf", ptrace.SpanKindServer, 4},
	} {
		assert.Len(t, all[want.service][want.kind], want.n*n, "%s %s", want.service, want.kind)
	}
	byID := map[[8]byte]span{}
	for _, kinds := range all {
		for _, list := range kinds {
			for _, s := range list {
				byID[s.SpanID()] = s
			}
		}
	}
	orphans, of, ids := map[string]int{}, map[string]int{}, map[[16]byte]string{}
	sizes := map[[16]byte]int{}
	for _, s := range byID {
		sizes[s.TraceID()]++
		name := fmt.Sprint(s.service, " ", s.Kind(), " ", s.Name())
		p, ok := byID[s.ParentSpanID()]
		switch {
		case ok:
			of[fmt.Sprint(name, " of ", p.service, " ", p.Kind(), " ", p.Name())]++
			assert.Equal(t, p.TraceID(), s.TraceID())
		case s.service == "service" && s.Kind() == ptrace.SpanKindServer:
		default:
			orphans[name]++
		}
		if id := s.id(); id != "" { // gRPC says none
			known, ok := ids[s.TraceID()]
			assert.True(t, !ok || known == id, "%s of another request", name)
			ids[s.TraceID()] = id
		}
	}
	assert.Empty(t, orphans)
	const check = "grpc.health.v1.Health/Check"
	assert.Equal(t, map[string]int{
		"service Client GET of service Server GET /r/{id}":           n,
		"service Client " + check + " of service Server GET /r/{id}": n,
		"middle Server " + check + " of service Client " + check:     n,
		"middle Client GET of middle Server " + check:                2 * n,
		"middle Client " + check + " of middle Server " + check:      n,
		"leaf Server " + check + " of middle Client " + check:        n,
		"leaf Server GET /r/{id} of middle Client GET":               2 * n,
		"leaf Server GET /r/{id} of service Client GET":              n,
	}, of)
	for id, size := range sizes {
		assert.Equal(t, spansOfOne, size, ids[id])
	}
}

// On connections that are older than the receiver the headers of calls refer to what it has not seen.
// The server knows the method all the same.
func TestLiveOldGRPC(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	exe := buildGRPC(t, "")
	start := func(others ...string) (web, rpc int) {
		web, rpc = dbtest.FreePort(t), dbtest.FreePort(t)
		dbtest.Serve(t, web, exec.Command(exe, append([]string{strconv.Itoa(web), strconv.Itoa(rpc)}, others...)...))
		return web, rpc
	}
	leaf, rpc := start()
	web, _ := start(dbtest.Address(rpc), fmt.Sprint("http://127.0.0.1:", leaf))
	get := func() {
		res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/r/1", web))
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		require.NoError(t, res.Body.Close())
	}
	for range 5 {
		get()
	}
	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"exe": exe}}, "probes": map[string]any{"http": nil, "go": nil},
	})
	const n = 20
	for range n {
		get()
	}
	server := func() (names map[string]int) {
		names = map[string]int{}
		for _, s := range r.All() { // whom they were sent to is not known either
			if s.Kind() == ptrace.SpanKindServer {
				names[s.Name()]++
			}
		}
		return names
	}
	want := map[string]int{"grpc.health.v1.Health/Check": n, "GET /r/{id}": 2 * n}
	assert.Eventually(t, func() bool { return len(r.All()) >= 5*n }, 20*time.Second, 100*time.Millisecond)
	r.Shutdown()
	assert.Equal(t, want, server())
}

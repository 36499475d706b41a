// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package http_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// observeFast observes one program or port without spans, which cost more than what is measured.
func observeFast(t *testing.T, target map[string]any) *dbtest.Receiver {
	t.Helper()
	return dbtest.StartPlain(t, map[string]any{
		"collection_interval": "200ms", "targets": []any{target},
		"probes": map[string]any{"http": map[string]any{"sampling": map[string]any{"ratio": 0}}},
	})
}

// conserved waits until all was measured that is going to be, and compares.
func conserved(t *testing.T, r *dbtest.Receiver, want int, metric string) {
	t.Helper()
	got, last := 0, -1
	require.Eventually(t, func() bool {
		last = got
		got = int(r.Measured(metric, func(pcommon.Map) bool { return true }))
		return got > 0 && got == last
	}, 20*time.Second, time.Second)
	account := r.Account("http")
	t.Logf("the server counted %d, %d were measured, account %v, records %v", want, got, account, r.Account("socket"))
	assert.LessOrEqual(t, got, want)
	assert.EqualValues(t, want, int64(got)+account["lost"])
}

// As fast as h2load goes with many streams, what was measured and what was lost is what nginx
// has in its access log.
func TestLiveHTTP2FullSpeed(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	nginx, h2load := dbtest.Program(t, "nginx"), dbtest.Program(t, "h2load")
	port, dir := dbtest.FreePort(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "page"), make([]byte, 600), 0o644))
	config := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `daemon off; master_process off; user root; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 256; }
http { client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
log_format seen '$status'; access_log %[1]s/access.log seen buffer=64k; server { listen 127.0.0.1:%[2]d http2; root %[1]s; keepalive_requests 1000000; } }`,
		dir, port), 0o644))
	r := observeFast(t, map[string]any{"exe": nginx})
	cmd := exec.Command(nginx, "-c", config, "-p", dir)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.Eventually(t, func() bool { return listens(port) }, 10*time.Second, 20*time.Millisecond)
	dbtest.Run(t, exec.Command(h2load, "-n", "30000", "-c", "8", "-m", "32", "http://"+dbtest.Address(port)+"/page"))
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait() // by the signal
	log, err := os.ReadFile(filepath.Join(dir, "access.log"))
	require.NoError(t, err)
	want := bytes.Count(log, []byte("\n"))
	require.Equal(t, 30000, want)
	conserved(t, r, want, "http.server.request.duration")
}

// The same with unary and streaming calls of grpc-go, which its server counts.
func TestLiveGRPCFullSpeed(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	port := dbtest.FreePort(t)
	r := observeFast(t, map[string]any{"ports": port})
	stop := server(t, "server", port)
	require.Eventually(t, func() bool { return r.Selected() == 1 }, 10*time.Second, 20*time.Millisecond)
	dbtest.Run(t, child(t, "client", strconv.Itoa(port), "300"))
	served := sum(stop())
	require.Equal(t, 4*300*8, served)
	conserved(t, r, served, "rpc.server.call.duration")
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package http_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// What the kernel counts by itself is what nginx has in its access log, whole at the moment the
// receiver ends, though next to no record was sent for it.
func TestLiveTallies(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	nginx, ab, hey := dbtest.Program(t, "nginx"), dbtest.Program(t, "ab"), dbtest.Program(t, "hey")
	port, dir := dbtest.FreePort(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "page"), make([]byte, 600), 0o644))
	config := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `daemon off; master_process off; user root; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 256; }
http { client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
log_format seen '$request_method $status $server_protocol'; access_log %[1]s/access.log seen;
server { listen 127.0.0.1:%[2]d; root %[1]s; keepalive_requests 1000000; } }`, dir, port), 0o644))
	r := observeFast(t, map[string]any{"exe": nginx})
	cmd := exec.Command(nginx, "-c", config, "-p", dir)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.Eventually(t, func() bool { return listens(port) && r.Selected() >= 1 }, 10*time.Second, 20*time.Millisecond)

	at := "http://" + dbtest.Address(port)
	dbtest.Run(t, exec.Command(ab, "-k", "-q", "-n", "8000", "-c", "8", at+"/page"))
	dbtest.Run(t, exec.Command(ab, "-k", "-q", "-i", "-n", "3000", "-c", "4", at+"/page"))
	dbtest.Run(t, exec.Command(hey, "-n", "4000", "-c", "4", at+"/none"))
	var account, records map[string]int64
	require.Eventually(t, func() bool {
		account, records = r.Account("http"), r.Account("socket")
		return account["seen"]+account["lost"] >= 15000
	}, 20*time.Second, 100*time.Millisecond)
	t.Logf("account %v, records %v", account, records)
	assert.Zero(t, account["lost"])
	assert.Less(t, records["seen"], int64(15000/20))

	// A connection that is open when the receiver ends.
	for range 200 {
		res, err := http.Get(at + "/page")
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, errors.Join(err, res.Body.Close()))
	}
	r.Shutdown()
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait() // by the signal

	log, err := os.ReadFile(filepath.Join(dir, "access.log"))
	require.NoError(t, err)
	want := map[string]uint64{}
	for line := range strings.Lines(string(log)) {
		want[strings.TrimSpace(line)]++
	}
	require.Len(t, want, 4)
	for line, n := range want {
		f := strings.Fields(line)
		status, err := strconv.ParseInt(f[1], 10, 64)
		require.NoError(t, err)
		assert.Equal(t, n, r.Measured("http.server.request.duration", func(m pcommon.Map) bool {
			return dbtest.Attribute(m, "http.request.method") == f[0] && dbtest.Attribute(m, "http.response.status_code") == status &&
				dbtest.Attribute(m, "network.protocol.version") == strings.TrimPrefix(f[2], "HTTP/")
		}), line)
	}
}

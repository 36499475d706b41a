// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tls_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// A program whose way to encrypt is not known, here one that only begins a handshake: that nothing is
// seen of it is said, once.
func TestLiveUnknownLibrary(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	port := dbtest.FreePort(t)
	factsNginx(t, port)
	core, said := observer.New(zap.WarnLevel)
	exe, err := filepath.EvalSymlinks("/usr/bin/python3")
	require.NoError(t, err)
	traces := &consumertest.TracesSink{}
	observeLogged(t, exe, traces, zap.New(core))
	const warning = "A process uses TLS, and nothing is seen of what it encrypts"
	script := fmt.Sprintf(`
import socket, time
hello = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\xc0\x2b" + b"\x01\x00"
hello = b"\x01" + len(hello).to_bytes(3, "big") + hello
for _ in range(3):
    s = socket.create_connection(("127.0.0.1", %d))
    s.sendall(b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello)
    s.recv(4096)
    time.sleep(1)
`, port)
	require.Eventually(t, func() bool {
		dbtest.Run(t, exec.Command(exe, "-c", script))
		return said.FilterMessageSnippet(warning).Len() > 0
	}, 20*time.Second, 50*time.Millisecond)
	dbtest.Run(t, exec.Command(exe, "-c", script))
	all := said.FilterMessageSnippet(warning).All()
	require.Len(t, all, 1)
	assert.Equal(t, exe, all[0].ContextMap()["executable"])
	assert.Empty(t, traces.AllTraces())
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// TestReusedPID: a process that gets the number of one that has ended is not that one.
func TestReusedPID(t *testing.T) {
	livetest.RequireRoot(t)
	if os.Getenv(kernels.InGuest) != "" {
		t.Skip("it does not depend on the kernel")
	}
	const next = "/proc/sys/kernel/ns_last_pid"
	if _, err := os.Stat(next); err != nil {
		t.Skip("this kernel does not let a process choose the number of the next one: ", err)
	}
	_, _, runs := choices(t)
	if _, ok := runs["http"]; !ok {
		t.Skip("this kernel does not let the probe http run")
	}
	livetest.CheckLeaks(t)
	sinks := &telemetry{}
	stop, _, err := run(t, sinks, nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, stop()) })

	w := &workload{roles: map[string]string{}}
	server := w.start(t, func(int) {}, "raw-server", "127.0.0.1:0")
	address, err := server.out.ReadString('\n')
	require.NoError(t, err)
	executed := map[int]int{}
	request := func(role, path string) int {
		// What is to be known of a process is read while it runs.
		p := w.start(t, func(pid int) {
			require.Eventually(t, func() bool {
				return sinks.execs(&workload{roles: map[string]string{strconv.Itoa(pid): role}}) == executed[pid]+1
			},
				time.Minute, 5*time.Millisecond)
			executed[pid]++
		}, role, strings.TrimSpace(address), "keep", "GET:"+path)
		require.True(t, p.end(t).Success())
		return p.cmd.Process.Pid
	}
	// Another process may get the number first: then with the next one.
	tries, reused := 0, false
	for !reused && tries < 50 {
		tries++
		first := request("raw-client", "/200/1")
		require.NoError(t, os.WriteFile(next, []byte(strconv.Itoa(first-1)), 0))
		reused = request("http-client", "/200/2") == first
	}
	require.True(t, reused, "no process got the number of another one")
	require.True(t, server.end(t).Success())
	assert.Eventually(t, func() bool { return sinks.traces.SpanCount() == 4*tries }, 20*time.Second, 50*time.Millisecond)
	require.NoError(t, stop())
	assert.Equal(t, map[string]int{
		"Client raw-client GET /200/1 200": tries, "Client http-client GET /200/2 200": tries,
		"Server raw-server GET /200/1 200": tries, "Server raw-server GET /200/2 200": tries,
	}, sinks.byService())
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package redis_test

import (
	"bufio"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// A target says what its processes speak: bytes that nobody recognizes, as commands without
// their lengths, are taken for what they are told to be, and what is forbidden is not seen
// though it is recognized.
func TestLiveProtocolsOfATarget(t *testing.T) {
	for name, c := range map[string]struct {
		protocols func(port int) map[string]any
		inline    bool // commands without lengths are seen
		others    bool
	}{
		"recognized": {func(int) map[string]any { return map[string]any{} }, false, true},
		"forced":     {func(port int) map[string]any { return map[string]any{"force": map[string]any{"redis": port}} }, true, true},
		"other port": {func(int) map[string]any { return map[string]any{"force": map[string]any{"redis": "1-7"}} }, false, true},
		"forbidden":  {func(int) map[string]any { return map[string]any{"forbid": []any{"redis"}} }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			livetest.CheckLeaks(t)
			port := server(t)
			r := dbtest.StartPlain(t, map[string]any{
				"targets": []any{
					map[string]any{"pid": 1},
					map[string]any{"exe": "/usr/bin/redis-*", "protocols": c.protocols(port)},
				},
				"on_unsupported": "fail",
				"probes":         map[string]any{"redis": map[string]any{}, "memcached": map[string]any{}},
			})
			inline(t, port, 20)
			ask(t, port, "ECHO", "x")
			called := commandstats(t, port)
			require.Equal(t, 20, called["incr"])
			r.Shutdown()
			seen := map[any]int{}
			for _, s := range r.Spans(port) {
				seen[dbtest.Attribute(s.Attributes(), "db.operation.name")]++
			}
			t.Logf("called %v, seen %v", called, seen)
			if c.inline {
				assert.Equal(t, called["incr"], seen["INCR"])
			} else {
				assert.Zero(t, seen["INCR"])
			}
			if c.others {
				assert.Equal(t, 1, seen["ECHO"])
			} else {
				assert.Empty(t, seen)
			}
		})
	}
}

// inline sends a command n times as people type it, and waits for each reply.
func inline(t *testing.T, port, n int) {
	t.Helper()
	c, err := net.Dial("tcp", dbtest.Address(port))
	require.NoError(t, err)
	defer c.Close()
	r := bufio.NewReader(c)
	for range n {
		_, err := io.WriteString(c, "INCR typed\r\n")
		require.NoError(t, err)
		_, err = r.ReadString('\n')
		require.NoError(t, err)
	}
}

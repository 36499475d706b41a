// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package redis_test

import (
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// As fast as pipelines of 16 go, what was measured and what was lost is what the server counted.
func TestLiveFullSpeed(t *testing.T) {
	livetest.CheckLeaks(t)
	port := server(t)
	r := dbtest.StartPlain(t, map[string]any{
		"collection_interval": "200ms",
		"targets":             []any{map[string]any{"exe": "/usr/bin/redis-*"}},
		"exclude":             []any{map[string]any{"exe": "/usr/bin/redis-benchmark"}},
		"probes":              map[string]any{"redis": map[string]any{"sampling": map[string]any{"ratio": 0}}},
	})
	dbtest.Run(t, exec.Command(dbtest.Program(t, "redis-benchmark"), "-p", strconv.Itoa(port), "-q", "-n", "200000", "-c", "16", "-P", "16", "-t", "set,get"))
	called := commandstats(t, port)
	want := called["set"] + called["get"]
	require.GreaterOrEqual(t, want, 400000)
	got, last := 0, -1
	require.Eventually(t, func() bool {
		last = got
		got = int(r.Measured(db.ServerDuration, func(m pcommon.Map) bool {
			name := dbtest.Attribute(m, "db.operation.name")
			return name == "SET" || name == "GET"
		}))
		return got > 0 && got == last
	}, time.Minute, time.Second)
	account := r.Account("redis")
	t.Logf("the server counted %d, %d were measured, account %v, records %v", want, got, account, r.Account("socket"))
	assert.LessOrEqual(t, got, want)
	assert.EqualValues(t, want, int64(got)+account["lost"])
}

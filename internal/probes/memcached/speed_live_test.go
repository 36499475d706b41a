// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package memcached_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// As fast as a real client goes, in the text and in the binary protocol, what was measured
// and what was lost is what the server counted.
func TestLiveFullSpeed(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	port := dbtest.FreePort(t)
	program := dbtest.Program(t, "memcached")
	dbtest.Serve(t, port, exec.Command(program, "-u", "nobody", "-l", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "0"))
	r := dbtest.StartPlain(t, map[string]any{
		"collection_interval": "200ms",
		"targets":             []any{map[string]any{"exe": program}},
		"probes":              map[string]any{"memcached": map[string]any{"sampling": map[string]any{"ratio": 0}}},
	})
	slap := dbtest.Program(t, "memcslap")
	for _, args := range [][]string{{"--test=set"}, {"--test=get"}, {"--test=set", "--binary"}, {"--test=get", "--binary"}} {
		dbtest.Run(t, exec.Command(slap, append(args, "--servers="+dbtest.Address(port), "--concurrency=4", "--execute-number=2500")...))
	}
	want := 0
	for _, line := range dial(t, port).do("stats\r\n", "END") {
		if f := strings.Fields(line); len(f) == 3 && (f[1] == "cmd_get" || f[1] == "cmd_set") {
			n, err := strconv.Atoi(f[2])
			require.NoError(t, err)
			want += n
		}
	}
	require.GreaterOrEqual(t, want, 40000)
	got, last := 0, -1
	require.Eventually(t, func() bool {
		last = got
		got = int(r.Measured(db.ServerDuration, func(m pcommon.Map) bool {
			name, _ := dbtest.Attribute(m, "db.operation.name").(string)
			return strings.HasPrefix(name, "get") || strings.HasPrefix(name, "set")
		}))
		return got > 0 && got == last
	}, time.Minute, time.Second)
	account := r.Account("memcached")
	t.Logf("the server counted %d, %d were measured, account %v, records %v", want, got, account, r.Account("socket"))
	assert.LessOrEqual(t, got, want)
	assert.EqualValues(t, want, int64(got)+account["lost"])
}

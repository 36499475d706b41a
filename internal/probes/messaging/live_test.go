// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package messaging_test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client builds a client program of testdata/clients.
func client(t *testing.T, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name+"-client")
	cmd := exec.Command(dbtest.Program(t, "go"), "build", "-o", out, ".")
	cmd.Dir = filepath.Join("..", "..", "..", "testdata", "clients", name)
	dbtest.Run(t, cmd)
	return out
}

// observe runs a receiver that observes programs.
func observe(t *testing.T, programs ...string) *dbtest.Receiver {
	t.Helper()
	var targets []any
	for _, p := range programs {
		targets = append(targets, map[string]any{"exe": p})
	}
	return dbtest.Start(t, map[string]any{
		"collection_interval": "200ms",
		"targets":             targets,
		"probes":              map[string]any{"messaging": map[string]any{}},
	})
}

// settled waits until the number of spans no longer grows.
func settled(t *testing.T, r *dbtest.Receiver, port int) {
	t.Helper()
	last := -1
	require.Eventually(t, func() bool {
		n := len(r.Spans(port))
		same := n == last
		last = n
		return same
	}, time.Minute, 500*time.Millisecond)
}

// kinds counts spans by kind and name.
func kinds(spans []ptrace.Span) map[string]int {
	n := map[string]int{}
	for _, s := range spans {
		n[s.Kind().String()+" "+s.Name()]++
	}
	return n
}

func all(pcommon.Map) bool { return true }

// assertAttributes compares those that are given.
func assertAttributes(t *testing.T, want map[string]any, s ptrace.Span) {
	t.Helper()
	for key, v := range want {
		assert.Equal(t, v, dbtest.Attribute(s.Attributes(), key), "%s of %s", key, s.Name())
	}
}

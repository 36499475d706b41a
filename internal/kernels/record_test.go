// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package kernels

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
)

// record compares what guests tell with what is recorded of their kernels.
type record struct {
	mu   sync.Mutex
	sets map[string]*compat.Set // by architecture
	rows []support.Row
	path string
}

func newRecord(t *testing.T, root string) *record {
	t.Helper()
	r := &record{sets: map[string]*compat.Set{}, path: filepath.Join(root, "internal/kernels/support/results.json")}
	var err error
	r.rows, err = support.Read(r.path)
	require.NoError(t, err)
	return r
}

// told takes what the receiver in a guest came to.
func (r *record) told(t *testing.T, dir, arch, mode, line string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	word := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
	if r.sets[word] == nil {
		set, err := support.Prepare(word)
		require.NoError(t, err)
		r.sets[word] = set
	}
	rows, err := support.Derive(r.sets[word], dir)
	require.NoError(t, err)
	for i := range rows {
		if rows[i].Lockdown != mode {
			continue
		}
		differences, err := rows[i].Confirm(line)
		require.NoError(t, err)
		assert.Empty(t, differences)
		if os.Getenv("UPDATE_GOLDEN") == "1" {
			r.rows = support.Merge(r.rows, rows[i])
			require.NoError(t, support.Write(r.path, r.rows))
			continue
		}
		if support.Find(r.rows, &rows[i]) == nil {
			t.Logf("%s %s is not in the record: \"make test-kernels UPDATE=1\" takes it in", filepath.Base(dir), mode)
			continue
		}
		assert.Empty(t, support.Differences(r.rows, &rows[i]), "the record is stale: run \"make test-kernels UPDATE=1\"")
	}
}

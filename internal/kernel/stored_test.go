// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOpenFetched reads the kernels that internal/kernels/fetch.sh has fetched.
func TestOpenFetched(t *testing.T) {
	images, err := filepath.Glob("../../.cache/kernels/*/vmlinuz")
	require.NoError(t, err)
	if len(images) == 0 {
		t.Skip("no kernels in .cache/kernels: run internal/kernels/fetch.sh")
	}
	for _, path := range images {
		release := filepath.Base(filepath.Dir(path))
		t.Run(release, func(t *testing.T) {
			k, err := Open(filepath.Dir(path))
			require.NoError(t, err)
			assert.Equal(t, release, k.Release)
			assert.Equal(t, "debian", k.Distribution)
			if strings.HasSuffix(release, "arm64") {
				assert.Equal(t, "aarch64", k.Arch)
			} else {
				assert.Equal(t, "x86_64", k.Arch)
			}
			assert.False(t, k.Live)
			assert.Equal(t, LockdownUnknown, k.Lockdown())
			_, err = k.TracepointFormat("sched", "sched_process_exec")
			assert.ErrorIs(t, err, ErrNotLive)

			// Some packages of 7.1 come without.
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), "config-"+release)); err == nil {
				value, known := k.Config("CONFIG_BPF_SYSCALL")
				assert.True(t, known)
				assert.Equal(t, "y", value)
			}

			maps, err := k.Enum("bpf_map_type")
			require.NoError(t, err)
			assert.Equal(t, "BPF_MAP_TYPE_RINGBUF", maps[27])
		})
	}
}

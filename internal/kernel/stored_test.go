// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
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

// TestOpenKernelWithoutBTF: it is a kernel all the same, and can be asked.
func TestOpenKernelWithoutBTF(t *testing.T) {
	for name, data := range map[string][]byte{
		"vmlinux": without(t, ".BTF"),
		"vmlinuz": tinyBzImage(compressions(t, without(t, ".BTF"))["zstd"]),
		"Image":   append(tinyArm64(t, nil)[:0x40:0x40], testBanner...),
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		k, err := Open(path)
		require.NoError(t, err)
		assert.Equal(t, "6.1.0-9-amd64", k.Release)
		_, err = k.BTF()
		assert.EqualError(t, err, "kernel 6.1.0-9-amd64: no BTF type information (CONFIG_DEBUG_INFO_BTF)")
		assert.ErrorIs(t, err, ErrNoBTF)
		_, err = k.HasBTFString("BPF_F_LINK")
		assert.ErrorIs(t, err, ErrNoBTF)
		modules, err := k.Modules()
		require.NoError(t, err)
		assert.Empty(t, modules)
		_, known := k.Config("CONFIG_KPROBES")
		assert.Equal(t, name != "Image", known)
	}
}

// TestOpenLargeVmlinux: with debug information a vmlinux is larger than what is
// taken into memory. What does not matter is a hole in the file here.
func TestOpenLargeVmlinux(t *testing.T) {
	const size = maxImage + 1<<20
	types := tinyBTF(t, "task_struct")
	write := func(data []byte) string {
		path := filepath.Join(t.TempDir(), "vmlinux")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		require.NoError(t, os.Truncate(path, size))
		return path
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	k, err := Open(write(tinyELF(t, types)))
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
	assert.Equal(t, "6.1.0-9-amd64", k.Release)
	assert.Equal(t, "x86_64", k.Arch)
	value, known := k.Config("CONFIG_KPROBES")
	assert.True(t, known)
	assert.Equal(t, "y", value)
	spec, err := k.BTF()
	require.NoError(t, err)
	var s *btf.Struct
	require.NoError(t, spec.TypeByName("task_struct", &s))

	_, err = Open(write(without(t, ".BTF", "Linux version")))
	assert.ErrorIs(t, err, ErrNoBTF)
	_, err = Open(write(tinyELF(t, []byte("nothing"))))
	assert.ErrorIs(t, err, errNotBTF)
}

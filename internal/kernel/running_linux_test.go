// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"os"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunning(t *testing.T) {
	k, err := Running(t.Context())
	require.NoError(t, err)
	assert.True(t, k.Live)
	assert.NotEmpty(t, k.Release)
	assert.NotEmpty(t, k.Arch)
	assert.True(t, k.Capabilities().Known)

	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		t.Skip("this kernel has no BTF: ", err)
	}
	types, err := k.BTF()
	require.NoError(t, err)
	var task *btf.Struct
	require.NoError(t, types.TypeByName("task_struct", &task))

	again, err := k.BTF()
	require.NoError(t, err)
	assert.Same(t, types, again, "types are parsed once")

	values, err := k.Enum("bpf_map_type")
	require.NoError(t, err)
	assert.Equal(t, "BPF_MAP_TYPE_HASH", values[1])

	if k.Capabilities().Has(CapSysAdmin) {
		assert.NotEqual(t, LockdownUnknown, k.Lockdown(), "asked through a private mount if need be")
	}
	t.Logf("%s %s %q lockdown=%s lsm=%v mounts=%+v", k.Release, k.Arch, k.Distribution, k.Lockdown(), k.lsms, k.Mounts())
}

// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseLockdown(t *testing.T) {
	for in, want := range map[string]Lockdown{
		"[none] integrity confidentiality\n": LockdownNone,
		"none [integrity] confidentiality\n": LockdownIntegrity,
		"none integrity [confidentiality]\n": LockdownConfidentiality,
		"none integrity confidentiality":     LockdownUnknown,
		"[strict]":                           LockdownUnknown,
		"[none":                              LockdownUnknown,
		"":                                   LockdownUnknown,
	} {
		assert.Equal(t, want, parseLockdown(in), in)
	}
}

func TestParseCapabilities(t *testing.T) {
	c := parseCapabilities([]byte("Name:\tx\nCapPrm:\tffff\nCapEff:\t000000c000000000\n"))
	assert.True(t, c.Known)
	assert.True(t, c.Has(CapBPF))
	assert.True(t, c.Has(CapPerfmon))
	assert.False(t, c.Has(CapNetAdmin))
	assert.False(t, c.Has(CapSysAdmin))

	c = parseCapabilities([]byte("CapEff:\t0000000000200000\n"))
	assert.True(t, c.Has(CapBPF), "CAP_SYS_ADMIN includes it")
	assert.False(t, c.Has(CapNetAdmin), "CAP_SYS_ADMIN does not include it")

	assert.False(t, parseCapabilities([]byte("CapEff:\tmany\n")).Known)
	assert.False(t, parseCapabilities(nil).Known)
}

func TestParseMounts(t *testing.T) {
	m := parseMounts([]byte(`22 28 0:20 / /sys rw shared:7 - sysfs sysfs rw
30 22 0:27 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw,nsdelegate
31 22 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 22 0:29 / /sys/kernel/tracing rw - tracefs tracefs rw
33 22 0:30 / /sys/fs/bpf rw - bpf bpf rw,mode=700
34 22 0:31 / /run/my\040token rw - bpf none rw,delegate_cmds=prog_load:map_create
35 22 0:32 / /sys/kernel/security rw - securityfs securityfs rw
garbage
36 22 0:33 / - tracefs
`))
	assert.Equal(t, Mounts{
		Tracefs: "/sys/kernel/tracing", Securityfs: "/sys/kernel/security",
		BPFFS: "/sys/fs/bpf", Delegated: "/run/my token", CgroupV2: "/sys/fs/cgroup/unified",
		CgroupV1: map[string]string{"cpu": "/sys/fs/cgroup/cpu,cpuacct", "cpuacct": "/sys/fs/cgroup/cpu,cpuacct"},
	}, m)
}

func TestParseConfig(t *testing.T) {
	text := []byte("#\n# Automatically generated\nCONFIG_KPROBES=y\nCONFIG_VETH=m\nCONFIG_HZ=250\nCONFIG_LSM=\"a,bpf\"\n# CONFIG_DEBUG is not set\n")
	want := map[string]string{"CONFIG_KPROBES": "y", "CONFIG_VETH": "m", "CONFIG_HZ": "250", "CONFIG_LSM": "a,bpf"}
	got, err := parseConfig(text)
	require.NoError(t, err)
	assert.Equal(t, want, got)

	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	_, err = zw.Write(text)
	require.NoError(t, err)
	require.NoError(t, zw.Close())
	got, err = parseConfig(zipped.Bytes())
	require.NoError(t, err)
	assert.Equal(t, want, got)

	_, err = parseConfig(zipped.Bytes()[:20])
	assert.Error(t, err)
	_, err = parseConfig([]byte("hello"))
	assert.ErrorIs(t, err, errNoConfig)

	k := New("6.1.0", "x86_64", nil, want)
	value, known := k.Config("CONFIG_DEBUG")
	assert.True(t, known)
	assert.Equal(t, "n", value, "what is not listed is not set")
	lsms, known := k.LSMs()
	assert.True(t, known)
	assert.Equal(t, []string{"a", "bpf"}, lsms)
	_, known = New("6.1.0", "x86_64", nil, nil).Config("CONFIG_DEBUG")
	assert.False(t, known)
}

func TestParseFormat(t *testing.T) {
	f, err := parseFormat(`name: sched_process_exec
ID: 310
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;
	field:char comm[16];	offset:12;	size:16;	signed:0;

print fmt: "filename=%s"
`)
	require.NoError(t, err)
	assert.Equal(t, &Format{ID: 310, Fields: []Field{
		{"common_type", 0, 2}, {"filename", 8, 4}, {"comm", 12, 16},
	}}, f)
	assert.Equal(t, 28, f.Size())
	for _, bad := range []string{
		"", "ID: x\n", "field:;\toffset:0;", "field:int a;\toffset:x;\tsize:4;", "field:int a;\toffset:0;\tsize:-4;",
	} {
		_, err := parseFormat(bad)
		assert.Error(t, err, bad)
	}
}

// tarXZ packs a file, or none, as tar cJf does. The library that reads xz cannot
// write it.
func tarXZ(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var plain, packed bytes.Buffer
	w := tar.NewWriter(&plain)
	if name != "" {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}))
		_, err := w.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	cmd := exec.Command("xz", "-c")
	cmd.Stdin, cmd.Stdout = &plain, &packed
	require.NoError(t, cmd.Run(), "xz is part of every Debian")
	return packed.Bytes()
}

// TestOpenLayouts opens the same kernel as people keep it.
func TestOpenLayouts(t *testing.T) {
	types := tinyBTF(t, "task_struct")
	write := func(path string, data []byte) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
	config := []byte("CONFIG_KPROBES=y\n")
	root := t.TempDir()

	hub := filepath.Join(root, "hub/ubuntu/20.04/arm64/5.4.0-100-generic.btf")
	write(hub, types)
	// As BTFHub's archive has them: one file in each, some with a folder before it.
	packed := filepath.Join(root, "hub/centos/8/x86_64/4.18.0-305.el8.x86_64.btf.tar.xz")
	write(packed, tarXZ(t, "./4.18.0-305.el8.x86_64.btf", types))
	broken := filepath.Join(t.TempDir(), "5.4.0-1.btf.tar.xz")
	write(broken, tarXZ(t, "5.4.0-1.btf", types)[:100])
	empty := filepath.Join(t.TempDir(), "5.4.0-2.btf.tar.xz")
	write(empty, tarXZ(t, "", nil))
	one := filepath.Join(root, "one")
	write(filepath.Join(one, "vmlinuz"), tinyBzImage(compressions(t, types)["zstd"]))
	write(filepath.Join(one, "config-6.1.0-9-amd64"), config)
	boot := filepath.Join(root, "boot")
	write(filepath.Join(boot, "vmlinuz-6.1.0-1-amd64"), compressions(t, types)["gzip"])
	write(filepath.Join(boot, "vmlinuz-6.1.0-2-amd64"), compressions(t, types)["lz4"])
	write(filepath.Join(boot, "config-6.1.0-2-amd64"), config)
	write(filepath.Join(boot, "initrd.img-6.1.0-2-amd64"), []byte("no kernel"))

	found, err := Find(root)
	require.NoError(t, err)
	assert.Equal(t, []string{
		filepath.Join(boot, "vmlinuz-6.1.0-1-amd64"), filepath.Join(boot, "vmlinuz-6.1.0-2-amd64"),
		packed, hub, filepath.Join(one, "vmlinuz"),
	}, found)

	for _, c := range []struct {
		path, release, distribution, arch string
		configured                        bool
	}{
		{hub, "5.4.0-100-generic", "ubuntu 20.04", "aarch64", false},
		{packed, "4.18.0-305.el8.x86_64", "centos 8", "x86_64", false},
		{one, "6.1.0-9-amd64", "debian", "x86_64", true},
		{filepath.Join(boot, "vmlinuz-6.1.0-1-amd64"), "6.1.0-1-amd64", "", "", false},
		{filepath.Join(boot, "vmlinuz-6.1.0-2-amd64"), "6.1.0-2-amd64", "", "", true},
	} {
		k, err := Open(c.path)
		require.NoError(t, err, c.path)
		assert.Equal(t, c.release, k.Release)
		assert.Equal(t, c.distribution, k.Distribution, c.path)
		assert.Equal(t, c.arch, k.Arch, c.path)
		_, known := k.Config("CONFIG_KPROBES")
		assert.Equal(t, c.configured, known, c.path)
		spec, err := k.BTF()
		require.NoError(t, err)
		var s *btf.Struct
		assert.NoError(t, spec.TypeByName("task_struct", &s))
	}

	_, err = Open(broken)
	assert.ErrorContains(t, err, broken)
	_, err = Open(empty)
	assert.ErrorContains(t, err, "neither BTF nor a kernel image")

	_, err = Open(boot)
	assert.ErrorContains(t, err, "holds 2 kernels")
	_, err = Open(t.TempDir())
	assert.ErrorContains(t, err, "no vmlinuz")
	_, err = Find(t.TempDir())
	assert.ErrorContains(t, err, "no vmlinuz")
}

func TestStoredKnowsNothingLive(t *testing.T) {
	k := New("6.1.0", "x86_64", nil, nil)
	_, err := k.TracepointFormat("sched", "sched_switch")
	assert.ErrorIs(t, err, ErrNotLive)
	_, err = k.HasSymbol("tcp_sendmsg")
	assert.ErrorIs(t, err, ErrNotLive)
	assert.ErrorIs(t, k.Try("x", func() error { return nil }), ErrNotLive)
	assert.False(t, k.Capabilities().Known)
	_, known := k.LSMs()
	assert.False(t, known)
	assert.Equal(t, LockdownConfidentiality, k.WithLockdown(LockdownConfidentiality).Lockdown())
	assert.Equal(t, LockdownUnknown, k.Lockdown(), "the original is as it was")
}

func TestTryAsksOnce(t *testing.T) {
	k := &Kernel{Live: true}
	asked := 0
	for range 3 {
		assert.ErrorIs(t, k.Try("a", func() error { asked++; return os.ErrPermission }), os.ErrPermission)
	}
	assert.NoError(t, k.Try("b", func() error { asked++; return nil }))
	assert.Equal(t, 2, asked)
}

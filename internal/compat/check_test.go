// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

func load(t testing.TB, name string) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpec("testdata/" + name + ".bpf.elf")
	require.NoError(t, err)
	return spec
}

// fetched opens a kernel that internal/kernels/fetch.sh has fetched, by the
// begin of its release.
func fetched(t testing.TB, pattern string) *kernel.Kernel {
	t.Helper()
	dirs, err := filepath.Glob("../../.cache/kernels/" + pattern)
	require.NoError(t, err)
	if len(dirs) == 0 {
		t.Skipf("no kernel %s in .cache/kernels: run internal/kernels/fetch.sh", pattern)
	}
	kernelsMu.Lock()
	defer kernelsMu.Unlock()
	dir := dirs[len(dirs)-1]
	if kernels[dir] == nil {
		k, err := kernel.Open(dir)
		require.NoError(t, err)
		kernels[dir] = k
	}
	return kernels[dir]
}

// kernels are opened once for all tests: they are not modified.
var (
	kernelsMu sync.Mutex
	kernels   = make(map[string]*kernel.Kernel)
)

const (
	v510    = "5.10.*-amd64"
	v61     = "6.1.*-amd64"
	v612    = "6.12.*-amd64"
	v612arm = "6.12.*-arm64"
	newest  = "7.*-amd64"
)

func TestCheckStored(t *testing.T) {
	const (
		fine          = ""
		movedArgument = "kprobe/inet_csk_accept: signature differs: the program reads argument 4, the kernel's has 2: " +
			"(struct sock *sk, struct proto_accept_arg *arg)"
	)
	for _, c := range []struct {
		object, program string
		reasons         map[string]string // by kernel
	}{
		{"drift", "accept_fourth", map[string]string{
			v61: fine,
			v612: "fexit/inet_csk_accept: signature differs: the program reads argument 4, the kernel's has 2: " +
				"(struct sock *sk, struct proto_accept_arg *arg)",
		}},
		{"drift", "mkdir_result", map[string]string{
			v510: fine,
			v61: "fexit/vfs_mkdir: signature differs: the program reads the result after 3 arguments, the kernel's has 4: " +
				"(struct user_namespace *mnt_userns, struct inode *dir, struct dentry *dentry, umode_t mode)",
		}},
		{"drift", "accept_first", map[string]string{v510: fine, v61: fine, v612: fine, newest: fine}},
		{"drift", "task_state", map[string]string{v510: fine, v61: "field task_struct.state: not in struct"}},
		{"drift", "unlink", map[string]string{
			v612:   fine,
			newest: "kprobe/do_unlinkat: this kernel has no function do_unlinkat (removed, renamed or inlined)",
		}},
		{"guards", "flavour", map[string]string{v510: fine, v61: fine, v612: fine, newest: fine}},
		{"guards", "guarded_field", map[string]string{v510: fine, newest: fine}},
		{"guards", "guarded_type", map[string]string{v510: fine, newest: fine}},
		{"guards", "guarded_enum", map[string]string{v510: fine, newest: fine}},
		{"guards", "switched", map[string]string{v510: fine, newest: fine}},
		{"guards", "asked", map[string]string{v612: fine}},
		{"guards", "looped", map[string]string{v612: fine}},
		{"guards", "unguarded_field", map[string]string{v612: "field task_struct.no_such_field: not in struct"}},
		{"drift", "wrong_type", map[string]string{
			v612: "tp_btf/sched_switch: signature differs: the program takes argument 2 for struct sock *, the kernel's is " +
				"struct task_struct *: (bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)",
		}},
		{"drift", "unlink_fentry", map[string]string{
			v612:   fine,
			newest: "fentry/do_unlinkat: this kernel has no function do_unlinkat (removed, renamed or inlined)",
		}},
		{"drift", "open_file", map[string]string{
			v510: `lsm/file_open: would attach and see nothing, since "bpf" is not among the kernel's security modules (lsm=)`,
			v61:  fine, newest: fine,
		}},
		{"drift", "walk", map[string]string{v510: fine, newest: fine}},
		{"drift", "exit_raw", map[string]string{v510: fine, newest: fine}},
		{"drift", "exec_classic", map[string]string{v510: fine, newest: fine}},
		{"drift", "enter_openat", map[string]string{v510: fine, newest: fine}},
		{"drift", "no_such_event", map[string]string{v510: "tracepoint/sched/no_such_event: no such tracepoint in this kernel"}},
		{"drift", "many", map[string]string{v510: "attach type BPF_TRACE_KPROBE_MULTI: not in this kernel", v61: "kprobe.multi: not compiled in (CONFIG_FPROBE)", v612: fine}},
		{"drift", "user", map[string]string{v510: fine, newest: fine}},
		{"kfuncs", "not_a_kfunc", map[string]string{
			v510:   "kfunc tcp_set_keepalive: a function of the kernel, but not one that programs may call",
			newest: "kfunc tcp_set_keepalive: a function of the kernel, but not one that programs may call",
		}},
		{"guards", "unguarded_enum", map[string]string{v612: "enum value bpf_cmd.BPF_NO_SUCH_COMMAND: not in this kernel"}},
		{"guards", "callback", map[string]string{v612: "field task_struct.no_such_field: not in struct"}},
		{"kfuncs", "present", map[string]string{v510: "kfunc bpf_task_from_pid: not in this kernel", v612: fine, newest: fine}},
		{"kfuncs", "missing", map[string]string{v612: "kfunc bpf_no_such_kfunc: not in this kernel"}},
		{"kfuncs", "weak_guarded", map[string]string{v510: fine, v612: fine, newest: fine}},
		{"kfuncs", "weak_unguarded", map[string]string{v612: "kfunc bpf_no_such_weak_kfunc: not in this kernel"}},
		{"kfuncs", "changed", map[string]string{
			v612: "kfunc bpf_cgroup_acquire: signature differs: the program was compiled for (int, __u64) int, " +
				"the kernel has (struct cgroup *cgrp) struct cgroup *",
		}},
		{"kfuncs", "legacy", map[string]string{v61: "kfunc bpf_obj_drop_impl: not in this kernel", v612: fine, newest: fine}},
		{"kprobes", "first", map[string]string{v61: fine, v612: fine, newest: fine}},
		{"kprobes", "fourth", map[string]string{v510: fine, v61: fine, v612: movedArgument, newest: movedArgument}},
		{"kprobes", "fourth_relocated", map[string]string{v510: fine, v61: fine, v612: movedArgument}},
		{"kprobes", "fourth_arm", map[string]string{v61: fine, v612: fine, v612arm: movedArgument}},
		{"kprobes", "wrong_type", map[string]string{
			v61: "kprobe/inet_csk_accept: signature differs: the program takes argument 1 for struct task_struct *, the kernel's is " +
				"struct sock *: (struct sock *sk, int flags, int *err, bool kern)",
		}},
		{"kprobes", "within", map[string]string{v612: fine}},
		{"kprobes", "end", map[string]string{v612: fine}},
		{"maps", "ring", map[string]string{v510: fine, v61: fine, newest: fine}},
		{"maps", "hash", map[string]string{v510: fine}},
		{"maps", "arena", map[string]string{v61: "map type BPF_MAP_TYPE_ARENA: not in this kernel", v612: fine}},
		{"maps", "loops", map[string]string{v510: "helper bpf_loop: not in this kernel", v61: fine}},
	} {
		for pattern, want := range c.reasons {
			t.Run(c.program+"/"+pattern, func(t *testing.T) {
				report, err := Check(fetched(t, pattern), load(t, c.object), []string{c.program})
				require.NoError(t, err)
				assert.Equal(t, want, report.Reason())
				if want == fine {
					assert.Equal(t, Satisfied, report.Answer())
				} else {
					assert.Equal(t, Unsupported, report.Answer())
				}
			})
		}
	}
}

// TestSystemCallsByTheirOldNames: objects name a system call as kernels before 4.17 called its function, and
// the loader finds it.
func TestSystemCallsByTheirOldNames(t *testing.T) {
	for _, c := range []struct{ kernel, target, want string }{
		{v510, "sys_execve", ""}, {v612, "sys_execve", ""}, {v612arm, "sys_execve", ""}, {newest, "sys_execve", ""},
		{v612, "sys_nonsense", "kprobe/sys_nonsense: this kernel has no function sys_nonsense (removed, renamed or inlined)"},
	} {
		spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {
			Name: "p", Type: ebpf.Kprobe, SectionName: "kprobe/" + c.target, AttachTo: c.target,
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		}}}
		report, err := Check(fetched(t, c.kernel), spec, nil)
		require.NoError(t, err)
		assert.Equal(t, c.want, report.Reason(), "%s on %s", c.target, c.kernel)
	}
}

// TestTrampolinesWithoutConfiguration: a BTF file alone tells by a function whether
// trampolines are compiled in; where it is missing only trying can tell.
func TestTrampolinesWithoutConfiguration(t *testing.T) {
	k := fetched(t, v612)
	types, err := k.BTF()
	require.NoError(t, err)
	report, err := Check(kernel.New("with", k.Arch, types, nil), load(t, "drift"), []string{"accept_first"})
	require.NoError(t, err)
	assert.Equal(t, Satisfied, report.Answer(), report.Reason())

	types = types.Copy()
	var fn *btf.Func
	require.NoError(t, types.TypeByName("register_ftrace_direct", &fn))
	fn.Name = "something_else"
	report, err = Check(kernel.New("without", k.Arch, types, nil), load(t, "drift"), []string{"accept_first"})
	require.NoError(t, err)
	assert.Equal(t, Inconclusive, report.Answer())
	assert.Equal(t, "fexit: the kernel's types do not show trampolines (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)", report.Reason())

	no := map[string]string{"CONFIG_DYNAMIC_FTRACE": "y"}
	report, err = Check(kernel.New("configured without", k.Arch, types, no), load(t, "drift"), []string{"accept_first"})
	require.NoError(t, err)
	assert.Equal(t, Unsupported, report.Answer())
	assert.Equal(t, "fexit: trampolines are not compiled in (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)", report.Reason())
}

// A kernel keeps what it has replaced for a while. From 7.0 kfuncs that end in
// _impl have successors.
func TestWarnsOfDeprecatedKfuncs(t *testing.T) {
	report, err := Check(fetched(t, newest), load(t, "kfuncs"), []string{"legacy"})
	require.NoError(t, err)
	assert.Equal(t, Satisfied, report.Answer())
	assert.ElementsMatch(t, []string{
		"kfunc bpf_obj_new_impl: replaced by bpf_obj_new in this kernel and kept for older programs",
		"kfunc bpf_obj_drop_impl: replaced by bpf_obj_drop in this kernel and kept for older programs",
	}, report.Warnings)
	report, err = Check(fetched(t, v612), load(t, "kfuncs"), []string{"legacy"})
	require.NoError(t, err)
	assert.Empty(t, report.Warnings, "there was nothing else then")
}

// TestPassesOnWhatAKernelSaysOfAKfunc marks one of the running kernel's.
func TestPassesOnWhatAKernelSaysOfAKfunc(t *testing.T) {
	k := running(t)
	types, err := k.BTF()
	require.NoError(t, err)
	types = types.Copy()
	var fn *btf.Func
	if types.TypeByName("bpf_task_from_pid", &fn) != nil {
		t.Skip("this kernel has no kfunc bpf_task_from_pid")
	}
	fn.Tags = append(fn.Tags, "deprecated: use bpf_task_from_vpid")
	r, err := Resolve(kernel.New("marked", k.Arch, types, nil), probe.Manifest{Name: "p", Variants: []probe.Variant{variant(t, "v", "kfuncs", nil, "present")}})
	require.NoError(t, err)
	require.NotNil(t, r.Chosen())
	assert.Equal(t, []string{"kfunc bpf_task_from_pid: marked by the kernel: deprecated: use bpf_task_from_vpid"}, r.Chosen().Warnings)
}

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The stacks of a process that goes to sleep, its control group, and the device that its
 * executable is on. */
#include "common.h"

typedef u32 dev_t;

struct super_block {
	dev_t s_dev;
} __attribute__((preserve_access_index));

struct inode {
	struct super_block *i_sb;
} __attribute__((preserve_access_index));

struct file {
	struct inode *f_inode;
} __attribute__((preserve_access_index));

struct mm_struct {
	struct file *exe_file;
} __attribute__((preserve_access_index));

struct task_struct {
	struct mm_struct *mm;
} __attribute__((preserve_access_index));

struct nap {
	u32 pid;
	s32 kernel;
	s32 user;
	u32 uid;
	u64 cgroup;
	u64 time;
	dev_t device;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
	__type(value, struct nap);
} naps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1024);
	__uint(key_size, 4);
	__uint(value_size, 32 * 8);
} traces SEC(".maps");

const volatile u32 only_pid;
const volatile u32 number = 230; /* clock_nanosleep on x86-64 */

SEC("raw_tp/sys_enter")
int on_enter(u64 *ctx)
{
	struct nap n = {};

	n.pid = bpf_get_current_pid_tgid() >> 32;
	if (ctx[1] != number || n.pid != only_pid)
		return 0;
	n.kernel = bpf_get_stackid(ctx, &traces, 0);
	n.user = bpf_get_stackid(ctx, &traces, 1 << 8 /* BPF_F_USER_STACK */);
	n.uid = bpf_get_current_uid_gid();
	n.cgroup = bpf_get_current_cgroup_id();
	n.time = bpf_ktime_get_boot_ns();
	n.device = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), mm, exe_file, f_inode, i_sb, s_dev);
	bpf_ringbuf_output(&naps, &n, sizeof(n), 0);
	return 0;
}

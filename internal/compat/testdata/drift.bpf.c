// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//
// One program for each way in which a kernel update has broken users.
#include "minimal.h"

struct sock_common {
	__u16 skc_family;
} CORE;
struct sock {
	struct sock_common __sk_common;
} CORE;
struct task_struct {
	volatile long state;
	int pid;
} CORE;
struct filename;

// inet_csk_accept(sk, flags, err, kern) lost its last two arguments in 6.10.
SEC("fexit/inet_csk_accept")
int accept_fourth(__u64 *ctx)
{
	int kern = ctx[3];
	struct sock *sk = (void *)ctx[4];

	if (sk && !kern)
		seen += sk->__sk_common.skc_family;
	return 0;
}

// The same with what every kernel has.
SEC("fexit/inet_csk_accept")
int accept_first(__u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];

	seen += sk->__sk_common.skc_family;
	return 0;
}

// vfs_mkdir(dir, dentry, mode) gained an argument in 5.12: its result moved.
SEC("fexit/vfs_mkdir") __attribute__((btf_decl_tag("arguments:3")))
int mkdir_result(__u64 *ctx)
{
	int ret = ctx[3];

	if (ret)
		seen++;
	return 0;
}

// task_struct.state became __state in 5.14.
SEC("tp_btf/sched_switch")
int task_state(__u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1];

	seen += prev->state;
	return 0;
}

// An argument that is taken for another type than it has.
SEC("tp_btf/sched_switch")
int wrong_type(__u64 *ctx)
{
	struct sock *sk = (void *)ctx[1];

	seen += sk->__sk_common.skc_family;
	return 0;
}

// do_unlinkat became filename_unlinkat in 7.0.
SEC("kprobe/do_unlinkat")
int unlink(void *ctx)
{
	seen++;
	return 0;
}

SEC("fentry/do_unlinkat")
int unlink_fentry(__u64 *ctx)
{
	struct filename *name = (void *)ctx[1];

	if (name)
		seen++;
	return 0;
}

SEC("lsm/file_open")
int open_file(__u64 *ctx)
{
	seen++;
	return 0;
}

SEC("iter/task")
int walk(__u64 *ctx)
{
	seen++;
	return 0;
}

SEC("raw_tp/sched_process_exit")
int exit_raw(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	int pid = 0;

	bpf_probe_read_kernel(&pid, sizeof(pid), &task->pid);
	seen += pid;
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int exec_classic(void *ctx)
{
	seen += bpf_ktime_get_boot_ns();
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(void *ctx)
{
	seen++;
	return 0;
}

SEC("tracepoint/sched/no_such_event")
int no_such_event(void *ctx)
{
	seen++;
	return 0;
}

SEC("kprobe.multi/tcp_*")
int many(void *ctx)
{
	seen++;
	return 0;
}

SEC("uprobe/malloc")
int user(void *ctx)
{
	seen++;
	return 0;
}

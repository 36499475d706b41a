// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//
// kfuncs that are there, are not there, or are another's by now.
#include "minimal.h"

struct task_struct {
	int pid;
} CORE;

extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
// Replaced in 7.0 by functions without the suffix, and kept.
extern void *bpf_obj_new_impl(__u64 local_type_id__k, void *meta__ign) __ksym;
extern void bpf_obj_drop_impl(void *p__alloc, void *meta__ign) __ksym;
extern void bpf_no_such_kfunc(int x) __ksym;
extern void bpf_no_such_weak_kfunc(int x) __ksym __weak;
// The kernel's takes a pointer to a struct cgroup and returns one.
extern int bpf_cgroup_acquire(int x, __u64 y) __ksym;
// Has the name and the signature of something that is no kfunc.
extern void tcp_set_keepalive(struct task_struct *sk, int val) __ksym;

SEC("tp_btf/sched_process_exit")
int present(__u64 *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);

	if (task)
		bpf_task_release(task);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int missing(__u64 *ctx)
{
	bpf_no_such_kfunc(1);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int weak_guarded(__u64 *ctx)
{
	if (bpf_ksym_exists(bpf_no_such_weak_kfunc))
		bpf_no_such_weak_kfunc(1);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int weak_unguarded(__u64 *ctx)
{
	bpf_no_such_weak_kfunc(1);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int changed(__u64 *ctx)
{
	seen += bpf_cgroup_acquire(1, 2);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int not_a_kfunc(__u64 *ctx)
{
	tcp_set_keepalive((void *)0, 1);
	return 0;
}

struct thing {
	__u64 x;
};

SEC("tp_btf/sched_process_exit")
int legacy(__u64 *ctx)
{
	struct thing *p = bpf_obj_new_impl(__builtin_btf_type_id(*(struct thing *)0, 0), 0);

	if (p)
		bpf_obj_drop_impl(p, 0);
	return 0;
}

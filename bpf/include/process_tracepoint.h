// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Variant "tracepoint": the records of classic tracepoints. They say little;
 * but an exec and an exit happen to the current task, and a new task is the
 * last child of the current one. */
#ifndef __EBPFRECEIVER_PROCESS_TRACEPOINT_H
#define __EBPFRECEIVER_PROCESS_TRACEPOINT_H

#define CLONE_PARENT 0x00008000
#define CLONE_THREAD 0x00010000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct trace_event_raw_task_newtask {
	pid_t pid;
	unsigned long clone_flags;
};

struct trace_event_raw_sched_process_exec {
	__u32 __data_loc_filename; /* the low half is the offset in the record */
};

struct trace_event_raw_inet_sock_set_state {
	const void *skaddr;
	int newstate;
};

struct task_struct___children {
	struct list_head children;
	struct list_head sibling; /* in children of the parent */
};

#pragma clang attribute pop

/* How many younger children are passed over on the way to the new one. */
#define YOUNGER_MAX 8

/* The task that was just made by the current one, or 0. It cannot run yet. */
static __always_inline struct task_struct *new_child(pid_t pid, unsigned long flags)
{
	struct task_struct *parent = (void *)bpf_get_current_task(), *child;
	const struct list_head *at, *head;

	if (flags & CLONE_PARENT)
		parent = BPF_CORE_READ(parent, real_parent);
	head = &((struct task_struct___children *)parent)->children;
	at = BPF_CORE_READ(head, prev);
	for (int i = 0; i < YOUNGER_MAX && at != head; i++) {
		child = (void *)at - bpf_core_field_offset(struct task_struct___children, sibling);
		if (BPF_CORE_READ(child, pid) == pid)
			return child;
		at = BPF_CORE_READ(at, prev);
	}
	return 0;
}

SEC("tracepoint/task/task_newtask")
int process_classic_fork(struct trace_event_raw_task_newtask *ctx)
{
	__u32 parent = bpf_get_current_pid_tgid() >> 32;
	pid_t pid = ctx->pid;

	/* A process's ID is that of its first thread. */
	if (!(ctx->clone_flags & CLONE_THREAD))
		forked(parent, pid, new_child(pid, ctx->clone_flags), false);
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int process_classic_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u32 at = ctx->__data_loc_filename & 0xffff;

	executed((void *)bpf_get_current_task(), tgid, (const char *)ctx + at, 0, false);
	return 0;
}

SEC("tracepoint/sched/sched_process_exit")
int process_classic_exit(void *ctx)
{
	exiting((void *)bpf_get_current_task(), false);
	return 0;
}

SEC("tracepoint/sock/inet_sock_set_state")
int process_classic_listen(struct trace_event_raw_inet_sock_set_state *ctx)
{
	const struct sock *sk = ctx->skaddr;

	if (ctx->newstate == TCP_LISTEN && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP)
		listens(BPF_CORE_READ(sk, __sk_common.skc_num));
	return 0;
}

#endif

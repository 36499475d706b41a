// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Daemon "discovery": when processes begin, execute, listen and end, and
 * which of them are observed. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "include/net.h"
#include "include/process.h"
#include "include/procs.h"

#define TCP_LISTEN 10
#define SIGNAL_GROUP_EXIT 0x4

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} proc_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, C_MAX);
	__type(key, __u32);
	__type(value, __u64);
} proc_counters SEC(".maps");

/* Where an exec record is put together; it is too big for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct process_exec);
} proc_scratch SEC(".maps");

/* Processes whose exit was reported a moment ago. 4096 is far more than can
 * exit between two tracepoints of one process. */
struct exited {
	__u64 start;
	__u32 tgid;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct exited);
	__type(value, __u8);
} proc_exited SEC(".maps");

static __always_inline void count(enum process_counter which)
{
	__u32 key = which;
	__u64 *n = bpf_map_lookup_elem(&proc_counters, &key);

	/* Atomic: a program may be interrupted by another one. */
	if (n)
		__sync_fetch_and_add(n, 1);
}

/* time is that of the event from which user space will decide. */
static __always_inline void set_state(__u32 tgid, __u64 start, __u32 state, __u64 time)
{
	struct proc p = {.start = start, .state = state, .since = time};

	if (bpf_map_update_elem(&procs, &tgid, &p, BPF_ANY))
		count(C_MAP_FULL);
}

static __always_inline void fill(struct process_event *e, enum process_kind kind,
				 const struct task_struct *leader, __u32 state)
{
	const struct task_struct *parent = leader->real_parent;

	e->time = bpf_ktime_get_boot_ns();
	e->start = task_start(leader);
	e->parent_start = task_start(parent->group_leader);
	e->cgroup = 0;
	e->tgid = leader->tgid;
	e->parent = parent->tgid;
	e->uid = leader->cred->uid.val;
	e->euid = leader->cred->euid.val;
	e->exit_code = 0;
	e->port = 0;
	e->kind = kind;
	e->state = state;
	__builtin_memset(e->comm, 0, COMM_LEN);
}

static __always_inline void send(struct process_event *e, enum process_counter seen,
				 enum process_counter lost)
{
	count(seen);
	if (bpf_ringbuf_output(&proc_events, e, sizeof(*e), 0))
		count(lost);
}

/* A child is what its parent is. Whatever an earlier process of that ID left
 * behind is overwritten. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct process_event e;
	__u32 tgid = child->tgid;
	__u32 parent_tgid = parent->tgid;
	struct proc *p;
	__u32 state;

	if (child->pid != tgid)
		return 0; /* a thread */
	p = bpf_map_lookup_elem(&procs, &parent_tgid);
	if (!p) {
		bpf_map_delete_elem(&procs, &tgid);
		return 0;
	}
	state = p->state;
	if (state != PROC_PENDING) {
		set_state(tgid, task_start(child), state, 0);
		return 0;
	}
	/* User space decides on the parent without knowing of this child. */
	fill(&e, PROCESS_FORK, child, state);
	set_state(tgid, e.start, state, e.time);
	e.cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(e.comm, COMM_LEN);
	send(&e, C_OTHER, C_OTHER_LOST);
	return 0;
}

/* What bpf_probe_read_kernel_str gave, as a length. The mask changes nothing:
 * verifiers up to v5.10 lose a bound that is only compared. */
static __always_inline __u32 string_length(long n)
{
	return n < 0 ? 0 : n & (2 * PATH_LEN - 1);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct proc_config *config = proc_settings();
	const struct task_struct *leader = task->group_leader;
	__u32 zero = 0, tgid = task->tgid, off, len;
	struct process_exec *r = bpf_map_lookup_elem(&proc_scratch, &zero);
	__u64 arg_start, arg_end;
	long n;

	if (!config || !r)
		return 0;
	fill(&r->event, PROCESS_EXEC, leader, proc_state(tgid));
	r->event.cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(r->event.comm, COMM_LEN);
	/* It is another program now, whatever the process was before. */
	if (config->on_exec == config->absent)
		bpf_map_delete_elem(&procs, &tgid);
	else
		set_state(tgid, r->event.start, config->on_exec, r->event.time);

	n = bpf_probe_read_kernel_str(r->data, PATH_LEN, bprm->filename);
	off = string_length(n);
	r->filename_len = off;
	n = bpf_probe_read_kernel_str(r->data + off, PATH_LEN, bprm->interp);
	len = string_length(n);
	r->interp_len = len;
	off += len;

	arg_start = task->mm->arg_start;
	arg_end = task->mm->arg_end;
	len = 0;
	r->args_cut = 0;
	if (arg_end > arg_start) {
		r->args_cut = arg_end - arg_start > ARGS_LEN;
		len = r->args_cut ? ARGS_LEN : arg_end - arg_start;
		if (len > ARGS_LEN || bpf_probe_read_user(r->data + off, len, (void *)arg_start))
			len = 0;
	}
	r->args_len = len;

	count(C_EXEC);
	len += off + __builtin_offsetof(struct process_exec, data);
	if (len > sizeof(*r) || bpf_ringbuf_output(&proc_events, r, len, 0))
		count(C_EXEC_LOST);
	return 0;
}

/* Runs for each thread. signal->live has been decremented by then, and is 0
 * for the last thread, but also for one that was overtaken by the last. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	const struct task_struct *leader = task->group_leader;
	const struct signal_struct *signal = task->signal;
	struct process_event e;
	struct exited key = {};
	__u32 tgid = task->tgid;
	__u8 one = 1;
	__u32 state;

	if (signal->live.counter != 0 || task->flags & PF_KTHREAD)
		return 0;
	state = proc_state(tgid);
	if (state == PROC_IGNORED) {
		bpf_map_delete_elem(&procs, &tgid);
		return 0;
	}
	key.start = task_start(leader);
	key.tgid = tgid;
	if (bpf_map_update_elem(&proc_exited, &key, &one, BPF_NOEXIST))
		return 0;
	fill(&e, PROCESS_EXIT, leader, state);
	e.cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(e.comm, COMM_LEN);
	/* As wait_task_zombie in kernel/exit.c does. */
	e.exit_code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
	send(&e, C_EXIT, C_EXIT_LOST);
	bpf_map_delete_elem(&procs, &tgid);
	return 0;
}

/* A process may be selected by the port that it listens on. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(process_listen, const struct sock *sk, const int oldstate, const int newstate)
{
	struct proc_config *config;
	struct process_event e;
	__u32 tgid, state;

	if (newstate != TCP_LISTEN || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	config = proc_settings();
	if (!config || !config->want_listen)
		return 0;
	tgid = bpf_get_current_pid_tgid() >> 32;
	state = proc_state(tgid);
	__builtin_memset(&e, 0, sizeof(e));
	e.time = bpf_ktime_get_boot_ns();
	e.start = current_start();
	e.tgid = tgid;
	e.uid = (__u32)bpf_get_current_uid_gid();
	e.euid = e.uid;
	e.cgroup = bpf_get_current_cgroup_id();
	e.port = sk->__sk_common.skc_num;
	e.kind = PROCESS_LISTEN;
	e.state = state;
	bpf_get_current_comm(e.comm, COMM_LEN);
	if (state == PROC_IGNORED)
		set_state(tgid, e.start, PROC_PENDING, e.time);
	send(&e, C_OTHER, C_OTHER_LOST);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the variants of the Daemon "discovery" share: its maps, and what it does
 * when a process forks, executes, listens or ends.
 *
 * "typed" tells whether the verifier knows what pointers point to, so that
 * members are read as they stand. It is a constant wherever it is given. */
#ifndef __EBPFRECEIVER_PROCESS_EVENTS_H
#define __EBPFRECEIVER_PROCESS_EVENTS_H

#define TCP_LISTEN 10

#define MEMBER(p, name) (typed ? (p)->name : BPF_CORE_READ(p, name))

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

static __always_inline void count(enum process_counter which)
{
	__u32 key = which;
	__u64 *n = bpf_map_lookup_elem(&proc_counters, &key);

	/* Atomic: a program may be interrupted by another one. */
	if (n)
		__sync_fetch_and_add(n, 1);
}

/* more is the time of the event from which user space will decide, or what the
 * parent has. */
static __always_inline void set_state(__u32 tgid, __u64 start, __u32 state, __u64 more)
{
	struct proc p = {.start = start, .state = state, .more = more};

	if (bpf_map_update_elem(&procs, &tgid, &p, BPF_ANY))
		count(C_MAP_FULL);
}

static __always_inline __u64 start_of(const struct task_struct *leader, const bool typed)
{
	return typed ? task_start(leader) : task_start_read(leader);
}

/* task is of the process that the event is about. */
static __always_inline void fill(struct process_event *e, enum process_kind kind,
				 struct task_struct *task, __u32 state, const bool typed)
{
	const struct task_struct *leader = MEMBER(task, group_leader);
	const struct task_struct *parent = MEMBER(leader, real_parent);
	const struct task_struct *parent_leader = MEMBER(parent, group_leader);
	const struct cred *cred = MEMBER(leader, cred);

	e->time = bpf_ktime_get_boot_ns();
	e->start = start_of(leader, typed);
	e->parent_start = start_of(parent_leader, typed);
	e->cgroup = typed ? cgroup2_of(task) : cgroup2_read(task);
	e->cgroup_v1 = typed ? cgroup1_of(task) : cgroup1_read(task);
	e->tgid = MEMBER(leader, tgid);
	e->parent = MEMBER(parent, tgid);
	e->uid = MEMBER(cred, uid.val);
	e->euid = MEMBER(cred, euid.val);
	e->exit_code = 0;
	e->port = 0;
	e->kind = kind;
	e->state = state;
	bpf_get_current_comm(e->comm, COMM_LEN);
}

static __always_inline bool send(struct process_event *e, enum process_counter seen,
				 enum process_counter lost)
{
	count(seen);
	if (!bpf_ringbuf_output(&proc_events, e, sizeof(*e), 0))
		return true;
	count(lost);
	return false;
}

/* A child is what its parent is. Whatever an earlier process of that ID left
 * behind is overwritten. child may be 0 when its memory could not be found:
 * nothing but its ID is known then. */
static __always_inline void forked(__u32 parent_tgid, __u32 tgid, struct task_struct *child,
				   const bool typed)
{
	struct process_event e;
	struct proc *p = bpf_map_lookup_elem(&procs, &parent_tgid);
	__u32 state, more;

	if (!p) {
		bpf_map_delete_elem(&procs, &tgid);
		return;
	}
	state = p->state;
	more = state == PROC_SELECTED ? p->more : 0;
	if (!child) {
		set_state(tgid, 0, state, more);
		if (state == PROC_PENDING) {
			count(C_OTHER);
			count(C_OTHER_LOST);
		}
		return;
	}
	if (state != PROC_PENDING) {
		set_state(tgid, start_of(child, typed), state, more);
		return;
	}
	/* User space decides on the parent without knowing of this child. */
	fill(&e, PROCESS_FORK, child, state, typed);
	set_state(tgid, e.start, state, e.time);
	send(&e, C_OTHER, C_OTHER_LOST);
}

/* What bpf_probe_read_kernel_str gave, as a length. The mask changes nothing:
 * verifiers up to v5.10 lose a bound that is only compared. */
static __always_inline __u32 string_length(long n)
{
	return n < 0 ? 0 : n & (2 * PATH_LEN - 1);
}

/* Without an interp the record has none. */
static __always_inline void executed(struct task_struct *task, __u32 tgid, const char *filename,
				     const char *interp, const bool typed)
{
	struct proc_config *config = proc_settings();
	__u32 zero = 0, off, len = 0;
	struct process_exec *r = bpf_map_lookup_elem(&proc_scratch, &zero);
	const struct mm_struct *mm;
	__u64 arg_start, arg_end;

	if (!config || !r)
		return;
	fill(&r->event, PROCESS_EXEC, task, proc_state(tgid), typed);
	/* It is another program now, whatever the process was before. */
	if (config->on_exec == config->absent)
		bpf_map_delete_elem(&procs, &tgid);
	else
		set_state(tgid, r->event.start, config->on_exec, r->event.time);

	off = string_length(bpf_probe_read_kernel_str(r->data, PATH_LEN, filename));
	r->filename_len = off;
	if (interp)
		len = string_length(bpf_probe_read_kernel_str(r->data + off, PATH_LEN, interp));
	r->interp_len = len;
	off += len;

	mm = MEMBER(task, mm);
	arg_start = MEMBER(mm, arg_start);
	arg_end = MEMBER(mm, arg_end);
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
}

/* Runs for each thread. signal->live has been decremented by then, and is 0
 * for the last thread, but also for one that was overtaken by the last. */
static __always_inline void exiting(struct task_struct *task, const bool typed)
{
	const struct task_struct *leader = MEMBER(task, group_leader);
	const struct signal_struct *signal = MEMBER(task, signal);
	struct process_event e;
	__u32 tgid = MEMBER(task, tgid);
	__u32 state;

	if (MEMBER(signal, live.counter) != 0 || MEMBER(task, flags) & PF_KTHREAD)
		return;
	state = proc_state(tgid);
	if (state == PROC_IGNORED) {
		bpf_map_delete_elem(&procs, &tgid);
		return;
	}
	if (!first_report(tgid, start_of(leader, typed)))
		return;
	fill(&e, PROCESS_EXIT, task, state, typed);
	/* As wait_task_zombie in kernel/exit.c does. */
	if (MEMBER(signal, flags) & SIGNAL_GROUP_EXIT)
		e.exit_code = MEMBER(signal, group_exit_code);
	else
		e.exit_code = MEMBER(leader, exit_code);
	/* Other programs that run at this end, of this or of another thread, need to know
	 * what the process is: user space takes it out of "procs" after a while. */
	if (!send(&e, C_EXIT, C_EXIT_LOST))
		bpf_map_delete_elem(&procs, &tgid);
}

/* A process may be selected by the port that it listens on. */
static __always_inline void listens(__u16 port)
{
	struct proc_config *config = proc_settings();
	struct process_event e;
	struct task_struct *task;
	__u32 tgid, state;

	if (!config || !config->want_listen)
		return;
	tgid = bpf_get_current_pid_tgid() >> 32;
	state = proc_state(tgid);
	task = (void *)bpf_get_current_task();
	fill(&e, PROCESS_LISTEN, task, state, false);
	e.port = port;
	if (state == PROC_IGNORED)
		set_state(tgid, e.start, PROC_PENDING, e.time);
	send(&e, C_OTHER, C_OTHER_LOST);
}

#endif

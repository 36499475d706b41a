// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Instrument "memory": whom the out-of-memory killer kills and why, page faults,
 * and threads that wait for the kernel to free memory. No program runs at a fault:
 * each thread has counters of its own, which an iterator reads at each collection,
 * and the end of the thread a last time. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "include/aggregate.h"
#include "include/exphist.h"
#include "include/memory.h"

#define MEMORY_OOM_SEEN 1 /* in agg_counters */
#define MEMORY_OOM_LOST 2 /* the ring had no space */
#define MEMORY_THREADS_FULL 3

#define PF_EXITING 0x4

enum { MM_FILEPAGES = 0, MM_ANONPAGES = 1, MM_SHMEMPAGES = 3 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct percpu_counter {
	__s64 count;
};

/* Since kernel commit f1a7941243c1 (v6.2). */
struct mm_struct___v6_2 {
	struct percpu_counter rss_stat[4];
};

typedef struct {
	__s64 counter;
} atomic_long_t;

struct mm_rss_stat {
	atomic_long_t count[4];
};

struct mm_struct___v6_1 {
	struct mm_rss_stat rss_stat;
};

struct mm_struct___total {
	unsigned long total_vm;
};

struct task_struct___faults {
	unsigned long min_flt;
	unsigned long maj_flt;
};

struct kernfs_node___name {
	const char *name;
};

struct kernfs_node___v6_14 {
	struct kernfs_node___name *parent;
};

/* Called so since kernel commit 633488947ef6 (v6.15). */
struct kernfs_node___v6_15 {
	struct kernfs_node___name *__parent;
};

struct cgroup___memory {
	struct kernfs_node___name *kn;
};

struct cgroup_subsys_state {
	struct cgroup___memory *cgroup;
};

struct css_set___memory {
	struct cgroup_subsys_state *subsys[14];
};

struct task_struct___memory {
	struct css_set___memory *cgroups;
};

enum cgroup_subsys_id {
	memory_cgrp_id = 4,
};

struct signal_struct___oom {
	short oom_score_adj;
};

struct bpf_iter__task {
	struct task_struct *task;
};

#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 128 << 10); /* 170 victims at a time */
	__type(value, struct oom_event);
} memory_events SEC(".maps");

/* Where a record is put together; it is too big for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct oom_event);
} memory_scratch SEC(".maps");

struct fault_key {
	struct agg_owner owner;
	__u64 none;
};

/* User space sets the sizes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct fault_key);
	__type(value, struct fault_value);
} memory_faults SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct stall_key);
	__type(value, struct stall_value);
} memory_stalls SEC(".maps");

/* What was counted of each thread, by its ID. As many as there can be threads on
 * most hosts. */
struct thread {
	__u64 start; /* of its process */
	__u64 major;
	__u64 minor;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct thread);
} memory_threads SEC(".maps");

/* Since when a thread waits, by its ID. They are few at any time. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64); /* the kind above the ID */
	__type(value, __u64);
} memory_waiting SEC(".maps");

/* Set while threads that are older than their observation are noted. */
volatile bool only_note = false;

static const struct fault_value no_faults;
static const struct stall_value no_stalls;

/* Resident pages of a kind. The size of an element is the kernel's, not ours. */
static __always_inline __s64 resident(const struct mm_struct *mm, int kind)
{
	const struct mm_struct___v6_2 *now = (const void *)mm;
	const struct mm_struct___v6_1 *old = (const void *)mm;
	const char *at;
	__s64 n = 0;

	if (bpf_core_type_exists(struct mm_rss_stat)) {
		at = (const char *)old + bpf_core_field_offset(old->rss_stat) + kind * sizeof(n);
	} else {
		at = (const char *)now + bpf_core_field_offset(now->rss_stat) +
		     kind * bpf_core_type_size(struct percpu_counter) +
		     bpf_core_field_offset(struct percpu_counter, count);
	}
	bpf_probe_read_kernel(&n, sizeof(n), at);
	return n;
}

static __always_inline const struct kernfs_node___name *parent_of(const struct kernfs_node___name *kn)
{
	const struct kernfs_node___v6_15 *now = (const void *)kn;

	if (bpf_core_field_exists(now->__parent))
		return BPF_CORE_READ(now, __parent);
	return BPF_CORE_READ((const struct kernfs_node___v6_14 *)kn, parent);
}

/* The names of the control group that has the task's memory, upwards to the root,
 * which has none. */
static __always_inline void cgroup_names(struct oom_event *e, const struct task_struct *task)
{
	const struct css_set___memory *set = BPF_CORE_READ((const struct task_struct___memory *)task, cgroups);
	int id = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	const struct kernfs_node___name *kn;
	const struct cgroup_subsys_state *css = 0;

	bpf_probe_read_kernel(&css, sizeof(css),
			      (const char *)set + bpf_core_field_offset(set->subsys) + id * sizeof(css));
	kn = BPF_CORE_READ(css, cgroup, kn);
	for (int i = 0; i < MEMORY_LEVELS && kn; i++) {
		bpf_probe_read_kernel_str(e->cgroup[i], MEMORY_NAME_LEN, BPF_CORE_READ(kn, name));
		kn = parent_of(kn);
	}
}

SEC("tp_btf/mark_victim")
int BPF_PROG(memory_oom, struct task_struct *task)
{
	const struct mm_struct *mm = task->mm;
	struct task_struct *trigger = (void *)bpf_get_current_task();
	__u32 zero = 0;
	struct oom_event *at = bpf_map_lookup_elem(&memory_scratch, &zero);

	if (!at || proc_state(task->tgid) == PROC_IGNORED)
		return 0;
	__builtin_memset(at, 0, sizeof(*at));
	cgroup_names(at, task);
	at->time = bpf_ktime_get_boot_ns();
	at->tgid = task->tgid;
	at->start = task_start(task->group_leader);
	at->uid = task->cred->euid.val;
	at->score_adj = ((const struct signal_struct___oom *)task->signal)->oom_score_adj;
	bpf_probe_read_kernel_str(at->comm, sizeof(at->comm), task->comm);
	if (mm) {
		at->total = ((const struct mm_struct___total *)mm)->total_vm;
		at->anon = resident(mm, MM_ANONPAGES);
		at->file = resident(mm, MM_FILEPAGES);
		at->shmem = resident(mm, MM_SHMEMPAGES);
	}
	at->trigger = bpf_get_current_pid_tgid() >> 32;
	at->trigger_start = task_start_read(BPF_CORE_READ(trigger, group_leader));
	bpf_get_current_comm(at->trigger_comm, sizeof(at->trigger_comm));
	agg_count(MEMORY_OOM_SEEN);
	if (bpf_ringbuf_output(&memory_events, at, sizeof(*at), 0))
		agg_count(MEMORY_OOM_LOST);
	return 0;
}

/* Counts the faults of a thread since it was last looked at. */
static __always_inline void advance(struct task_struct *task, bool note, bool last)
{
	const struct task_struct___faults *f = (const void *)task;
	struct thread *known, now = {};
	struct fault_key key = {};
	struct fault_value *v;
	__u64 major, minor;
	__u32 pid = task->pid;

	if (task->flags & PF_KTHREAD)
		return;
	agg_owner_of(&key.owner, task);
	key.owner.stripe = 0;
	now.start = key.owner.start;
	now.major = major = f->maj_flt;
	now.minor = minor = f->min_flt;
	known = bpf_map_lookup_elem(&memory_threads, &pid);
	if (known && known->start == now.start) {
		major -= known->major;
		minor -= known->minor;
	}
	if (last)
		bpf_map_delete_elem(&memory_threads, &pid);
	else if (known)
		*known = now;
	else if (bpf_map_update_elem(&memory_threads, &pid, &now, BPF_ANY)) {
		agg_count(MEMORY_THREADS_FULL);
		return; /* its end will tell */
	}
	if (note || !(major | minor))
		return;
	v = agg_value(&memory_faults, &key.owner, &no_faults);
	if (!v)
		return;
	agg_add(&v->major, major);
	agg_add(&v->minor, minor);
}

SEC("iter/task")
int memory_visit(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	/* Once it ends, its end tells; it stays until its parent has heard of it. */
	if (task && !(task->flags & PF_EXITING))
		advance(task, only_note, false);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(memory_exit, struct task_struct *task)
{
	advance(task, false, true);
	return 0;
}

static __always_inline void stall_begins(__u64 kind)
{
	__u64 key = kind << 32 | (__u32)bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();

	bpf_map_update_elem(&memory_waiting, &key, &now, BPF_ANY);
}

static __always_inline void stall_ends(__u64 kind)
{
	__u64 id = kind << 32 | (__u32)bpf_get_current_pid_tgid();
	__u64 *since = bpf_map_lookup_elem(&memory_waiting, &id);
	struct stall_key key = {.kind = kind};
	struct stall_value *v;

	if (!since)
		return;
	agg_owner_read(&key.owner, (void *)bpf_get_current_task());
	v = agg_value(&memory_stalls, &key.owner, &no_stalls);
	if (v)
		exp_duration_record(&v->duration, bpf_ktime_get_ns() - *since);
	bpf_map_delete_elem(&memory_waiting, &id);
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(memory_direct_begin)
{
	stall_begins(STALL_DIRECT);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int BPF_PROG(memory_direct_end)
{
	stall_ends(STALL_DIRECT);
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(memory_cgroup_begin)
{
	stall_begins(STALL_CGROUP);
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int BPF_PROG(memory_cgroup_end)
{
	stall_ends(STALL_CGROUP);
	return 0;
}

SEC("tp_btf/mm_compaction_begin")
int BPF_PROG(memory_compaction_begin)
{
	stall_begins(STALL_COMPACTION);
	return 0;
}

SEC("tp_btf/mm_compaction_end")
int BPF_PROG(memory_compaction_end)
{
	stall_ends(STALL_COMPACTION);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

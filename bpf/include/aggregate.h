// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Metrics that are aggregated in the kernel. Each probe has a hash whose key
 * begins with struct agg_owner and whose value is nothing but counters of 64
 * bits, which user space reads in batches and adds up over stripes.
 *
 * A stripe is a share of the processors. A hash with the stripe in its key is
 * used in place of a per-CPU one, whose memory is that of its largest size times
 * the number of processors, most of it never touched. */
#ifndef __EBPFRECEIVER_AGGREGATE_H
#define __EBPFRECEIVER_AGGREGATE_H

#include "kernel/task.h"
#include "procs.h"

struct agg_owner {
	__u64 start; /* of the process, boot time, ns */
	__u32 tgid;  /* 0: the kernel itself */
	__u32 stripe;
};

enum agg_counter {
	AGG_MAP_FULL, /* events that a map had no space for */
	AGG_COUNTERS = 8, /* the others are the probes' own */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, AGG_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} agg_counters SEC(".maps");

/* One less than the number of stripes, which is a power of two. */
const volatile __u32 agg_stripes = 0;

static __always_inline void agg_count(__u32 which)
{
	__u64 *n = bpf_map_lookup_elem(&agg_counters, &which);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline __u32 agg_stripe(void)
{
	return bpf_get_smp_processor_id() & agg_stripes;
}

/* The process of a task, by members that the verifier follows. The kernel's own
 * threads are one owner. */
static __always_inline void agg_owner_of(struct agg_owner *o, const struct task_struct *task)
{
	o->stripe = agg_stripe();
	if (task->flags & PF_KTHREAD) {
		o->tgid = 0;
		o->start = 0;
		return;
	}
	o->tgid = task->tgid;
	o->start = task_start(task->group_leader);
}

/* The same for any pointer. */
static __always_inline void agg_owner_read(struct agg_owner *o, const struct task_struct *task)
{
	o->stripe = agg_stripe();
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD) {
		o->tgid = 0;
		o->start = 0;
		return;
	}
	o->tgid = BPF_CORE_READ(task, tgid);
	o->start = task_start_read(BPF_CORE_READ(task, group_leader));
}

/* Whether it is observed. What the kernel does by itself is where all is. */
static __always_inline bool agg_observed(const struct agg_owner *o)
{
	struct proc_config *config;

	if (o->tgid)
		return proc_state(o->tgid) != PROC_IGNORED;
	config = proc_settings();
	return config && config->absent == PROC_SELECTED;
}

/* The value of a key that begins with an owner, made of zero if there is none
 * yet and the owner is observed. 0: it is not, or there was no space. */
static __always_inline void *agg_value(void *map, const struct agg_owner *key, const void *zero)
{
	void *value = bpf_map_lookup_elem(map, key);

	if (value)
		return value;
	if (!agg_observed(key))
		return 0;
	/* Another processor may be faster. */
	bpf_map_update_elem(map, key, zero, BPF_NOEXIST);
	value = bpf_map_lookup_elem(map, key);
	if (!value)
		agg_count(AGG_MAP_FULL);
	return value;
}

static __always_inline void agg_add(__u64 *counter, __u64 n)
{
	__sync_fetch_and_add(counter, n);
}

/* The process of the current task, without a helper where the kernel lets the task be
 * followed (since commit 3ca1032ab7ab, v5.11). */
static __always_inline void agg_owner_current(struct agg_owner *o)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf))
		agg_owner_of(o, bpf_get_current_task_btf());
	else
		agg_owner_read(o, (void *)bpf_get_current_task());
}

#endif

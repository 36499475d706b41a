// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Instrument "scheduler": how long threads run, wait for a processor and are
 * away. One program sees each switch; when a thread began to wait is what the
 * scheduler has noted itself, so wakeups need not be looked at. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "include/aggregate.h"
#include "include/exphist.h"
#include "include/kernel/sched.h"

#define SCHED_AWAY_FULL 1 /* in agg_counters: threads that sched_away had no space for */

struct sched_key {
	struct agg_owner owner;
	__u64 none;
};

struct sched_value {
	__u64 on;	       /* ns on a processor */
	__u64 off_voluntary;   /* ns from a switch to the next, when the thread slept */
	__u64 off_involuntary; /* when it could have run on */
	__u64 voluntary;       /* switches away from it */
	__u64 involuntary;
	__u64 migrations;      /* to another processor */
	struct exp_duration latency;
};

/* User space sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct sched_key);
	__type(value, struct sched_value);
} sched_values SEC(".maps");

/* Threads that do not run: when they left, and how long they had waited by then. */
struct away {
	__u64 since;
	__u64 run_delay;
	__u64 voluntary;
};

/* By thread ID. As many as there can be threads on most hosts. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct away);
} sched_away SEC(".maps");

static const struct sched_value zero;

static __always_inline struct sched_value *value_of(const struct task_struct *task)
{
	struct sched_key key = {};

	/* Neither the idle task nor the kernel's other threads. */
	if (task->flags & PF_KTHREAD)
		return 0;
	agg_owner_of(&key.owner, task);
	return agg_value(&sched_values, &key.owner, &zero);
}

static __always_inline void leaves(const struct task_struct *task, bool preempted)
{
	const struct sched_info *info = &((const struct task_struct___sched *)task)->sched_info;
	struct sched_value *v = value_of(task);
	__u64 state, now, arrival;
	struct away away = {};
	__u32 pid = task->pid;

	if (!v)
		return;
	state = task_state(task);
	now = rq_clock(task);
	arrival = info->last_arrival;
	away.voluntary = state && !preempted;
	agg_add(away.voluntary ? &v->voluntary : &v->involuntary, 1);
	if (arrival && now > arrival)
		agg_add(&v->on, now - arrival);
	if (state & TASK_DEAD) {
		bpf_map_delete_elem(&sched_away, &pid);
		return;
	}
	away.since = now;
	away.run_delay = info->run_delay;
	if (bpf_map_update_elem(&sched_away, &pid, &away, BPF_ANY))
		agg_count(SCHED_AWAY_FULL);
}

static __always_inline void arrives(const struct task_struct *task)
{
	const struct sched_info *info = &((const struct task_struct___sched *)task)->sched_info;
	struct sched_value *v = value_of(task);
	__u64 now, queued, run_delay, latency = 0;
	struct away *away;
	__u32 pid = task->pid;

	if (!v)
		return;
	now = rq_clock(task);
	queued = info->last_queued;
	run_delay = info->run_delay;
	if (queued && now > queued)
		latency = now - queued;
	away = bpf_map_lookup_elem(&sched_away, &pid);
	if (away) {
		if (now > away->since)
			agg_add(away->voluntary ? &v->off_voluntary : &v->off_involuntary, now - away->since);
		/* What it waited on another processor, from which it was moved. */
		if (run_delay > away->run_delay)
			latency += run_delay - away->run_delay;
	}
	exp_duration_record(&v->latency, latency);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(scheduler_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	leaves(prev, preempt);
	arrives(next);
	return 0;
}

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(scheduler_migrate, struct task_struct *task)
{
	struct sched_value *v = value_of(task);

	if (v)
		agg_add(&v->migrations, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

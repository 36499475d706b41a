// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the scheduler keeps of a task, reduced to the members that are read. */
#ifndef __EBPFRECEIVER_KERNEL_SCHED_H
#define __EBPFRECEIVER_KERNEL_SCHED_H

#define TASK_DEAD 0x80

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct rq {
	__u64 clock; /* ns; brought up to date before a switch */
};

struct cfs_rq {
	struct rq *rq;
};

struct sched_entity {
	struct cfs_rq *cfs_rq; /* of the processor that the task is on, whatever its class */
};

/* What /proc/PID/schedstat is made of, by the clock of the run queue. In the
 * tracepoint sched_switch it is not yet told of the switch. */
struct sched_info {
	unsigned long long run_delay;	 /* all waiting so far */
	unsigned long long last_arrival; /* when it last got a processor */
	unsigned long long last_queued;	 /* since when it waits for one, or 0 */
};

struct task_struct___sched {
	struct sched_entity se;
	struct sched_info sched_info;
};

/* The state was called so, and was a long, before kernel commit 2f064a59a11f (v5.14). */
struct task_struct___v5_13 {
	volatile long state;
};

struct task_struct___v5_14 {
	unsigned int __state;
};

#pragma clang attribute pop

static __always_inline __u64 rq_clock(const struct task_struct *task)
{
	return ((const struct task_struct___sched *)task)->se.cfs_rq->rq->clock;
}

static __always_inline __u64 task_state(const struct task_struct *task)
{
	const struct task_struct___v5_14 *now = (const void *)task;

	if (bpf_core_field_exists(now->__state))
		return now->__state;
	return ((const struct task_struct___v5_13 *)task)->state;
}

#endif

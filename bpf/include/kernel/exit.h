// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The end of a process, in the tracepoint sched_process_exit, which comes for each
 * of its threads. For tasks that the verifier trusts. */
#ifndef __EBPFRECEIVER_KERNEL_EXIT_H
#define __EBPFRECEIVER_KERNEL_EXIT_H

#include "task.h"

#define SIGNAL_GROUP_EXIT 0x4
#define EEXIST 17

/* signal->live has been decremented by then. It is 0 for the last thread, but
 * also for one that was overtaken by the last. */
static __always_inline bool last_thread(const struct task_struct *task)
{
	return task->signal->live.counter == 0;
}

/* As wait_task_zombie in kernel/exit.c. */
static __always_inline __u32 wait_status(const struct task_struct *task)
{
	if (task->signal->flags & SIGNAL_GROUP_EXIT)
		return task->signal->group_exit_code;
	return task->group_leader->exit_code;
}

struct reported {
	__u64 start;
	__u32 tgid;
	__u32 pad;
};

/* Processes whose end was reported a moment ago: far more than can end between
 * two tracepoints of one process. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct reported);
	__type(value, __u8);
} exit_reported SEC(".maps");

/* Whether no other thread of the process reported its end. */
static __always_inline bool first_report(__u32 tgid, __u64 start)
{
	struct reported key = {.start = start, .tgid = tgid};
	__u8 one = 1;

	/* Any other error would lose the end of a process: rather tell it twice. Before commit
	 * d7ba4cc900bf (v6.4) the upper half of what a map's function returns is not set. */
	return (int)bpf_map_update_elem(&exit_reported, &key, &one, BPF_NOEXIST) != -EEXIST;
}

#endif

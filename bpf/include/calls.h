// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* System calls that are under way: when each thread began its own. */
#ifndef __EBPFRECEIVER_CALLS_H
#define __EBPFRECEIVER_CALLS_H

#include "aggregate.h"
#include "kernel/syscall.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* The kernel's own notes on a thread, of each architecture. */
struct thread_info___x86 {
	__u32 status;
};

struct thread_info___arm64 {
	unsigned long flags;
};

struct task_struct___x86 {
	struct thread_info___x86 thread_info;
};

struct task_struct___arm64 {
	struct thread_info___arm64 thread_info;
};

#pragma clang attribute pop

#if defined(__TARGET_ARCH_x86)
#define CALLED_32BIT(task) (((const struct task_struct___x86 *)(task))->thread_info.status & 0x2) /* TS_COMPAT */
#define CALLED_32BIT_READ(task) (BPF_CORE_READ((const struct task_struct___x86 *)(task), thread_info.status) & 0x2)
#else
#define CALLED_32BIT(task) (((const struct task_struct___arm64 *)(task))->thread_info.flags & (1 << 22)) /* TIF_32BIT */
#define CALLED_32BIT_READ(task) (BPF_CORE_READ((const struct task_struct___arm64 *)(task), thread_info.flags) & (1 << 22))
#endif

/* Whether the current call is one of a 32-bit program, whose calls have other numbers. */
static __always_inline bool called_32bit(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf))
		return CALLED_32BIT(bpf_get_current_task_btf());
	return CALLED_32BIT_READ((const void *)bpf_get_current_task());
}

struct call {
	__u64 since; /* ns; 0: none is under way */
	__u32 what;  /* the probe's own */
	__u32 fd;    /* the first argument */
};

/* By thread ID. A thread has one from its first call on, to its end. As many as there can be
 * threads on most hosts: 5 MiB. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

/* Notes that the current thread begins a call. full counts those of threads that there was
 * no space for. */
static __always_inline void call_begins(__u32 what, __u32 fd, __u32 full)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct call *known = bpf_map_lookup_elem(&calls, &tid), call = {};

	if (known) {
		known->what = what;
		known->fd = fd;
		known->since = bpf_ktime_get_ns();
		return;
	}
	call.what = what;
	call.fd = fd;
	call.since = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&calls, &tid, &call, BPF_ANY))
		agg_count(full);
}

/* Gives the call that the current thread ends, and how long it took; false if its beginning
 * was not seen. */
static __always_inline bool call_ends(struct call *call, __u64 *ns)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct call *known = bpf_map_lookup_elem(&calls, &tid);

	if (!known || !known->since)
		return false;
	*call = *known;
	*ns = bpf_ktime_get_ns() - known->since;
	known->since = 0;
	return true;
}

/* The current thread ends. */
static __always_inline void calls_forget(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&calls, &tid);
}

#endif

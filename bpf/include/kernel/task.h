// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Processes and threads, reduced to the members that are read. */
#ifndef __EBPFRECEIVER_KERNEL_TASK_H
#define __EBPFRECEIVER_KERNEL_TASK_H

#define PF_KTHREAD 0x00200000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__u32 val;
} kuid_t;

struct cred {
	kuid_t uid;
	kuid_t euid;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

struct signal_struct {
	atomic_t live; /* threads that have not begun to exit */
	int group_exit_code;
	unsigned int flags;
};

struct task_struct {
	unsigned int flags;
	int exit_code;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	__u64 start_boottime;
	const struct cred *cred;
	struct mm_struct *mm;
	struct signal_struct *signal;
	char comm[16];
};

/* start_boottime was called real_start_time before kernel commit cf25e24db61c
 * (v5.5), which kernels with a newer BPF on an older base still have. */
struct task_struct___v5_4 {
	__u64 real_start_time;
};

struct linux_binprm {
	const char *filename; /* as it was asked for */
	const char *interp;   /* what is really executed: the interpreter of a script */
};

#pragma clang attribute pop

/* When the process of a thread group leader began, boot time in ns. For
 * pointers that the verifier trusts, so that it reads without a helper. */
static __always_inline __u64 task_start(const struct task_struct *leader)
{
	if (bpf_core_field_exists(leader->start_boottime))
		return leader->start_boottime;
	return ((const struct task_struct___v5_4 *)leader)->real_start_time;
}

/* The same for any pointer. */
static __always_inline __u64 task_start_read(const struct task_struct *leader)
{
	if (bpf_core_field_exists(leader->start_boottime))
		return BPF_CORE_READ(leader, start_boottime);
	return BPF_CORE_READ((const struct task_struct___v5_4 *)leader, real_start_time);
}

/* When the current process began, boot time in ns. */
static __always_inline __u64 current_start(void)
{
	const struct task_struct *task;

	/* Since kernel commit 3ca1032ab7ab (v5.11). */
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		task = bpf_get_current_task_btf();
		return task_start(task->group_leader);
	}
	task = (void *)bpf_get_current_task();
	return task_start_read(BPF_CORE_READ(task, group_leader));
}

#endif

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The control groups of a task, reduced to the members that are read. */
#ifndef __EBPFRECEIVER_KERNEL_CGROUP_H
#define __EBPFRECEIVER_KERNEL_CGROUP_H

#include "task.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

struct kernfs_node {
	__u64 id; /* what name_to_handle_at gives; the inode number in user space */
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

/* One for each set of groups that tasks are in, with the group of each hierarchy. */
struct css_set {
	struct cgroup *dfl_cgrp;
	struct list_head cgrp_links;
};

struct cgrp_cset_link {
	struct cgroup *cgrp;
	struct list_head cgrp_link; /* in css_set.cgrp_links */
};

struct task_struct___cgroups {
	struct css_set *cgroups;
};

#pragma clang attribute pop

/* Since kernel commit fe977716b40c (v6.8). */
struct cgroup *bpf_task_get_cgroup1(struct task_struct *task, int hierarchy_id) __ksym __weak;
void bpf_cgroup_release(struct cgroup *cgrp) __ksym __weak;

/* The hierarchy of version 1 that tells containers apart, as the first column
 * of /proc/PID/cgroup has it. 0: there is none, version 2 tells. User space sets
 * it; what is needed of a kernel is derived for the case that there is one. */
const volatile __s32 cgroup1_hierarchy = 1;

/* More than there are controllers. */
#define MAX_HIERARCHIES 24

/* The ID of the group in the unified hierarchy. For pointers that the verifier
 * trusts. */
static __always_inline __u64 cgroup2_of(const struct task_struct *task)
{
	return ((const struct task_struct___cgroups *)task)->cgroups->dfl_cgrp->kn->id;
}

static __always_inline __u64 cgroup2_read(const struct task_struct *task)
{
	return BPF_CORE_READ((const struct task_struct___cgroups *)task, cgroups, dfl_cgrp, kn, id);
}

/* The ID of the group in the hierarchy of version 1, or 0. */
static __always_inline __u64 cgroup1_read(const struct task_struct *task)
{
	const struct css_set *set;
	const struct list_head *at, *head;
	const struct cgrp_cset_link *link;
	struct cgroup *cgroup;

	if (!cgroup1_hierarchy)
		return 0;
	set = BPF_CORE_READ((const struct task_struct___cgroups *)task, cgroups);
	head = &set->cgrp_links;
	at = BPF_CORE_READ(head, next);
	for (int i = 0; i < MAX_HIERARCHIES && at && at != head; i++) {
		link = (const void *)at - bpf_core_field_offset(struct cgrp_cset_link, cgrp_link);
		cgroup = BPF_CORE_READ(link, cgrp);
		if (BPF_CORE_READ(cgroup, root, hierarchy_id) == cgroup1_hierarchy)
			return BPF_CORE_READ(cgroup, kn, id);
		at = BPF_CORE_READ(at, next);
	}
	return 0;
}

/* The same by the kernel's own function, if it has one. */
static __always_inline __u64 cgroup1_of(struct task_struct *task)
{
	struct cgroup *cgroup;
	__u64 id;

	if (!cgroup1_hierarchy)
		return 0;
	if (!bpf_task_get_cgroup1 || !bpf_cgroup_release)
		return cgroup1_read(task);
	cgroup = bpf_task_get_cgroup1(task, cgroup1_hierarchy);
	if (!cgroup)
		return 0;
	id = cgroup->kn->id;
	bpf_cgroup_release(cgroup);
	return id;
}

#endif

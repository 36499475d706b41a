// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Which processes are observed. The Daemon "discovery" owns these maps and
 * keeps them current; other objects that include this share them by name. */
#ifndef __EBPFRECEIVER_PROCS_H
#define __EBPFRECEIVER_PROCS_H

#include "kernel/task.h"

enum proc_state {
	PROC_PENDING = 0,  /* observed until user space has decided */
	PROC_SELECTED = 1, /* observed */
	PROC_IGNORED = 2,  /* never touched */
};

struct proc {
	__u64 start; /* boot time, ns; 0 when user space did not know it exactly */
	enum proc_state state;
	__u32 more; /* pending: low bits of the time of the event that made it so;
		     * selected: the number of its target, when that has rules */
};

struct proc_config {
	__u32 absent;	   /* the state of a process that is not in the map */
	__u32 on_exec;	   /* the state after an exec */
	__u32 want_listen; /* decisions depend on listening ports */
	__u32 pad;
};

/* By thread group ID. Only what differs from the default is in here. The size
 * is set by user space; what did not fit is counted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct proc);
} procs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct proc_config);
} proc_config SEC(".maps");

/* What the configuration says of the protocols of a target's processes: under
 * port 0 those that are not looked for, a bit for each enum proto; under another
 * port the one that is spoken there. User space sets it once and gives it the
 * size that it needs. */
struct proc_rule {
	__u32 target;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct proc_rule);
	__type(value, __u32);
} proc_rules SEC(".maps");

static __always_inline struct proc_config *proc_settings(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&proc_config, &zero);
}

static __always_inline __u32 proc_state(__u32 tgid)
{
	struct proc *p = bpf_map_lookup_elem(&procs, &tgid);
	struct proc_config *config;

	if (p)
		return p->state;
	config = proc_settings();
	return config ? config->absent : PROC_IGNORED;
}

/* Tells whether the current process is observed, and when it began. tgid is
 * the current one, which callers have at hand; start identifies the process
 * together with it, in boot time, ns. */
static __always_inline bool proc_captured(__u32 tgid, __u64 *start)
{
	if (proc_state(tgid) == PROC_IGNORED)
		return false;
	*start = current_start();
	return true;
}

#endif

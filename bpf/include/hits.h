// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* How often uprobes are hit in each process. It is the trap that costs, so a program that
 * leaves early saves nothing: user space detaches where there are too many. */
#ifndef __EBPFRECEIVER_HITS_H
#define __EBPFRECEIVER_HITS_H

/* Set by user space where a budget is kept. */
__u8 hits_counted = 0;

/* Since the programs were loaded. A process that falls out begins anew. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

__noinline int count_hit(__u32 tgid)
{
	__u64 one = 1, *n = bpf_map_lookup_elem(&hits, &tgid);

	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&hits, &tgid, &one, BPF_NOEXIST);
	return 0;
}

static __always_inline void hit(void)
{
	if (hits_counted)
		count_hit(bpf_get_current_pid_tgid() >> 32);
}

#endif

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//
// Maps and helpers of different age.
#include "minimal.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, 1 << 10); // BPF_F_MMAPABLE
	__uint(max_entries, 1);
	__ulong(map_extra, 1ULL << 44); // where user space sees it
} pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, 1 << 0); // BPF_F_NO_PREALLOC
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

SEC("tp_btf/sched_process_exit")
int ring(__u64 *ctx)
{
	void *record = bpf_ringbuf_reserve(&events, 8, 0);

	if (record)
		bpf_ringbuf_submit(record, 0);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int hash(__u64 *ctx)
{
	__u32 key = 0;
	__u64 *count = bpf_map_lookup_elem(&counts, &key);

	if (count)
		seen += *count;
	return 0;
}

SEC("tp_btf/sched_process_exit")
int arena(__u64 *ctx)
{
	void *map = &pages;

	asm volatile("" : "+r"(map));
	return 0;
}

static long each(__u32 i, void *data) { return 0; }

// bpf_loop came with 5.17.
SEC("tp_btf/sched_process_exit")
int loops(__u64 *ctx)
{
	bpf_loop(3, each, (void *)0, 0);
	return 0;
}

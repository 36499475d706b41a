// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A histogram of the sizes of writes, from a per-CPU map of slots of powers of two, and the
 * number of them by process, from a hash. */
#include "common.h"

#define SLOTS 20

struct hist {
	u64 slots[SLOTS];
	u64 bytes;
};

struct key {
	u32 pid;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct hist);
} sizes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct key);
	__type(value, u64);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} by_cpu SEC(".maps");

u64 largest[2];

const volatile u32 only_pid;

static __always_inline int log2_of(u64 v)
{
	int n = 0;

	for (int i = 0; i < SLOTS - 1 && v > 1; i++) {
		v >>= 1;
		n++;
	}
	return n;
}

SEC("raw_tp/sys_enter")
int on_enter(u64 *ctx)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32, zero = 0, slot;
	struct pt_regs *regs = (void *)ctx[0];
	struct key key = {.pid = pid};
	u64 size, one = 1, *n;
	struct hist *h;

#ifdef __TARGET_ARCH_arm64
	if (ctx[1] != 64 || pid != only_pid)
		return 0;
	bpf_probe_read_kernel(&size, sizeof(size), (void *)regs + 16);
#else
	if (ctx[1] != 1 || pid != only_pid)
		return 0;
	size = BPF_CORE_READ(regs, dx);
#endif
	h = bpf_map_lookup_elem(&sizes, &zero);
	if (!h)
		return 0;
	slot = log2_of(size);
	if (slot < SLOTS) {
		h->slots[slot]++;
		h->bytes += size;
	}
	if (size > largest[1])
		largest[1] = size;
	bpf_get_current_comm(key.comm, sizeof(key.comm));
	n = bpf_map_lookup_elem(&calls, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&calls, &key, &one, 1 /* BPF_NOEXIST */);
	n = bpf_map_lookup_elem(&by_cpu, &pid);
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(&by_cpu, &pid, &one, 0);
	return 0;
}

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What a Python program imports, from its static probes, and how often it asks for its
 * parent, from a uprobe in the C library. */
#include "common.h"

#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

struct import {
	u64 time;
	u32 pid;
	s32 found;
	char module[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct import);
} imports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} asked SEC(".maps");

u64 dropped;

SEC("usdt/python3.11:python:import__find__load__done")
int BPF_USDT(on_import, const char *module, int found)
{
	struct import *i = bpf_ringbuf_reserve(&imports, sizeof(*i), 0);

	if (!i) {
		__sync_fetch_and_add(&dropped, 1);
		return 0;
	}
	i->time = bpf_ktime_get_ns();
	i->pid = bpf_get_current_pid_tgid() >> 32;
	i->found = found;
	if (bpf_probe_read_user_str(i->module, sizeof(i->module), module) < 0)
		i->module[0] = 0;
	bpf_ringbuf_submit(i, 0);
	return 0;
}

SEC("uprobe/libc.so.6:getppid")
int on_getppid(struct pt_regs *ctx)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32;
	u64 one = 1, *n = bpf_map_lookup_elem(&asked, &pid);

	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&asked, &pid, &one, 1);
	return 0;
}

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The beginning and the end of each call of one system call, as two records: in one ring
 * buffer, or, if they are to be apart, in one each. */
#include "common.h"

enum phase { BEGIN = 1, END };

struct call {
	u64 time;
	u64 thread;
	u32 pid;
	enum phase phase;
	s64 ret;
	char comm[16];
};

struct beginning {
	u32 process;
	u64 id;
	u64 since;
	char name[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct beginning);
} beginnings SEC(".maps");

const volatile u32 number;
const volatile bool apart;
u64 dropped;

static __always_inline int send(enum phase phase, s64 ret)
{
	u64 id = bpf_get_current_pid_tgid();
	struct call *c = bpf_ringbuf_reserve(&calls, sizeof(*c), 0);

	if (!c) {
		__sync_fetch_and_add(&dropped, 1);
		return 0;
	}
	c->time = bpf_ktime_get_ns();
	c->thread = id;
	c->pid = id >> 32;
	c->phase = phase;
	c->ret = ret;
	bpf_get_current_comm(c->comm, sizeof(c->comm));
	bpf_ringbuf_submit(c, 0);
	return 0;
}

SEC("raw_tp/sys_enter")
int on_enter(u64 *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	struct beginning *b;

	if (ctx[1] != number)
		return 0;
	if (!apart)
		return send(BEGIN, 0);
	b = bpf_ringbuf_reserve(&beginnings, sizeof(*b), 0);
	if (!b) {
		__sync_fetch_and_add(&dropped, 1);
		return 0;
	}
	b->process = id >> 32;
	b->id = id;
	b->since = bpf_ktime_get_ns();
	bpf_get_current_comm(b->name, sizeof(b->name));
	bpf_ringbuf_submit(b, 0);
	return 0;
}

SEC("raw_tp/sys_exit")
int on_exit(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];

	if (BPF_CORE_READ(regs, orig_ax) != number)
		return 0;
	return send(END, ctx[1]);
}

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Go moves a request between threads: there it is a goroutine that serves it. Which one
 * runs a system call needs no uprobe to know: its register still has it. What a
 * goroutine started takes part in the same request; the programs of the Daemon "go"
 * see to that. */
#ifndef __EBPFRECEIVER_SOCKET_GOROUTINE_H
#define __EBPFRECEIVER_SOCKET_GOROUTINE_H

/* Set by user space while the Daemon "go" runs. */
__u8 go_followed = 0;

/* Go programs, with what differs between them. The Daemon "go" keeps and counts them. */
struct go_process {
	__u32 curg;   /* offset of curg within struct runtime.m */
	__u16 serves; /* it has got requests */
	__u16 asks;   /* and what made some of its calls was started or told by another goroutine */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct go_process);
} go_processes SEC(".maps");

/* A bit for each process ID, less what is above 65535, that may be in there: most programs
 * are none of Go's, and learn so without a hash. */
#define GO_MARKS 1024

/* In the place behind them, how many programs have begun to ask. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GO_MARKS + 1);
	__type(key, __u32);
	__type(value, __u64);
} go_marks SEC(".maps");

/* A goroutine: the address of its struct runtime.g, which Go uses again when it has
 * ended; then the Daemon "go" clears what is noted. */
struct goroutine {
	__u64 g;
	__u64 tgid;
};

/* The requests of a goroutine. What falls out has no parent. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct goroutine);
	__type(value, struct thread);
} go_goroutines SEC(".maps");

/* Requests of Go programs that are not yet answered, by the connection's number. A
 * goroutine may live on, and what it does then belongs to no request. It is a table of
 * buckets, which costs the program less than a hash. What falls out counts as answered:
 * of a thousand requests at a time one in some thousands. */
struct go_request {
	__u64 conn;
	__u32 seq;
	__u32 pad;
};

#define GO_BUCKETS 4096
#define GO_WAYS 4

struct go_bucket {
	struct go_request r[GO_WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GO_BUCKETS);
	__type(key, __u32);
	__type(value, struct go_bucket);
} go_serving SEC(".maps");

static __always_inline struct go_bucket *go_bucket(__u64 id)
{
	__u32 at = (id >> 10 ^ id >> 24) & (GO_BUCKETS - 1);

	return bpf_map_lookup_elem(&go_serving, &at);
}

static __always_inline void serving_add(__u64 id, __u32 seq)
{
	struct go_bucket *b = go_bucket(id);
	int way = seq & (GO_WAYS - 1);

	if (!b)
		return;
#pragma unroll
	for (int i = 0; i < GO_WAYS; i++)
		if (!b->r[i].conn)
			way = i;
#pragma unroll
	for (int i = 0; i < GO_WAYS; i++)
		if (b->r[i].conn == id)
			way = i;
	way &= GO_WAYS - 1;
	b->r[way].seq = seq;
	b->r[way].conn = id;
}

static __always_inline void serving_remove(__u64 id)
{
	struct go_bucket *b = go_bucket(id);

	if (!b)
		return;
#pragma unroll
	for (int i = 0; i < GO_WAYS; i++)
		if (b->r[i].conn == id)
			b->r[i].conn = 0;
}

static __always_inline bool serving_has(__u64 id, __u32 seq)
{
	struct go_bucket *b = go_bucket(id);

	if (!b || !id)
		return false;
#pragma unroll
	for (int i = 0; i < GO_WAYS; i++)
		if (b->r[i].conn == id && b->r[i].seq == seq)
			return true;
	return false;
}

/* The current process, if it is one of Go. */
static __always_inline struct go_process *go_here(void)
{
	__u32 tgid, at;
	__u64 *marks;

	if (!go_followed)
		return 0;
	tgid = bpf_get_current_pid_tgid() >> 32;
	at = tgid >> 6 & (GO_MARKS - 1);
	marks = bpf_map_lookup_elem(&go_marks, &at);
	if (!marks || !(*marks >> (tgid & 63) & 1))
		return 0;
	return bpf_map_lookup_elem(&go_processes, &tgid);
}

/* A goroutine that no request is known of calls somebody. In a program that gets requests
 * it may have been started for one: user space sees to it that this is known from now on.
 * Most servers start a goroutine for each request and never come here. */
static __always_inline void go_ask(struct go_process *p)
{
	__u32 at = GO_MARKS;
	__u64 *asked;

	if (!p->serves || p->asks)
		return;
	p->asks = 1;
	asked = bpf_map_lookup_elem(&go_marks, &at);
	if (asked)
		__sync_fetch_and_add(asked, 1);
}

static __always_inline bool takes_part(const struct thread *t)
{
	return t && (t->conn[0] | t->conn[1] | t->conn[2] | t->conn[3]);
}

/* The goroutine that is in a system call. False when it is none, as in C code. */
static __always_inline bool current_goroutine(struct goroutine *to)
{
	struct {
		__u64 lo, hi;
	} stack; /* the beginning of struct runtime.g */
	struct pt_regs *regs;
	__u64 sp;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return false;
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
#if defined(__TARGET_ARCH_x86)
	to->g = regs->r14;
	sp = regs->sp;
#elif defined(__TARGET_ARCH_arm64)
	to->g = regs->regs[28];
	sp = regs->sp;
#endif
	to->tgid = bpf_get_current_pid_tgid() >> 32;
	if (bpf_probe_read_user(&stack, sizeof(stack), (void *)to->g))
		return false;
	return sp >= stack.lo && sp < stack.hi;
}

__noinline int goroutine_open(__u64 id, __u32 seq, __u8 decided)
{
	struct thread fresh = {}, *t;
	struct goroutine g;

	if (!current_goroutine(&g))
		return 0;
	serving_add(id, seq);
	t = bpf_map_lookup_elem(&go_goroutines, &g);
	if (t) {
		thread_add(t, id, seq, decided);
		return 0;
	}
	thread_add(&fresh, id, seq, decided);
	bpf_map_update_elem(&go_goroutines, &g, &fresh, BPF_ANY);
	return 0;
}

__noinline int goroutine_done(__u64 id)
{
	struct goroutine g;
	struct thread *t;

	serving_remove(id);
	if (!current_goroutine(&g))
		return 0;
	t = bpf_map_lookup_elem(&go_goroutines, &g);
	if (t)
		thread_remove(t, id);
	return 0;
}

/* Names the request that the goroutine takes part in, if it is one and not answered. */
static __always_inline void goroutine_only(struct go_process *p, struct seg *s)
{
	struct goroutine g;
	struct thread *t;

	if (!current_goroutine(&g))
		return;
	t = bpf_map_lookup_elem(&go_goroutines, &g);
	if (!takes_part(t)) {
		go_ask(p);
		return;
	}
	thread_only(t, s);
	if (serving_has(s->parent_conn, s->parent_seq)) {
		s->goroutine = 1;
		return;
	}
	go_ask(p);
	s->parent_conn = 0;
	s->parent_seq = 0;
	s->decided = UNDECIDED;
}

#endif

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
	__u32 asks;   /* what made some of its calls was started or told by another goroutine */
	__u64 serves; /* since when it has got requests, boot time, ns; 0: it has not */
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

/* What a goroutine does. On a connection of HTTP/2 several requests are under way at a time,
 * so one goroutine reads and one may write for all, and one serves each. */
enum part {
	PART_TURNS,  /* it takes part in requests that come one at a time */
	PART_READS,  /* it reads all requests of the connection conn[0]; decided[0]: the first
		      * bytes of that were not seen, so its headers may be unreadable */
	PART_STREAM, /* it takes part in the request on stream seq[0] of the connection conn[0];
		      * decided[0] as above */
	PART_WRITES, /* it writes for others: see struct go_told */
};

/* What is told to user space beside the bytes of HTTP/2, which it joins by the stream. */
enum { TOLD_ROUTE, TOLD_CALL, TOLD_METHOD };

struct go_told {
	__u64 conn;	   /* of the request that is served; of a call the goroutine that writes it */
	__u64 parent_conn; /* of a call: what it is made for */
	__u32 parent_seq;
	__u32 tgid;
	__u32 stream;
	__u16 route; /* see go_request; of a method of gRPC the same */
	__u8 kind;
	__u8 pad;
};

const struct go_told *go_told_type __attribute__((unused)); /* for generated code */

/* The requests of a goroutine, and where its stack was when it was last looked at. */
struct go_part {
	struct thread t;
	__u64 lo, hi;
};

/* What falls out has no parent. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct goroutine);
	__type(value, struct go_part);
} go_goroutines SEC(".maps");

/* Requests of Go programs that are not yet answered, by the connection's number. A
 * goroutine may live on, and what it does then belongs to no request. It is a table of
 * buckets, which costs the program less than a hash. What falls out counts as answered:
 * of a thousand requests at a time one in some thousands. */
struct go_request {
	__u64 conn;
	__u32 seq;
	__u16 route; /* a number for the pattern that the program chose; 0: none yet */
	__u16 pad;
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
	b->r[way].route = 0;
	b->r[way].conn = id;
}

/* In the result of serving_remove: there was one. */
#define SERVED (1 << 16)

/* Gives the request's route. */
static __always_inline __u32 serving_remove(__u64 id)
{
	struct go_bucket *b = go_bucket(id);
	__u32 route = 0;

	if (!b)
		return 0;
#pragma unroll
	for (int i = 0; i < GO_WAYS; i++) {
		if (b->r[i].conn == id) {
			route = b->r[i].route | SERVED;
			b->r[i].conn = 0;
		}
	}
	return route;
}

/* Notes the route of a request that is being served. */
static __always_inline bool serving_route(__u64 id, __u32 seq, __u16 route)
{
	struct go_bucket *b = go_bucket(id);

	if (!b || !id)
		return false;
#pragma unroll
	for (int i = 0; i < GO_WAYS; i++) {
		if (b->r[i].conn == id && b->r[i].seq == seq) {
			b->r[i].route = route;
			return true;
		}
	}
	return false;
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

static __always_inline void go_serves(struct go_process *p)
{
	if (!p->serves)
		p->serves = bpf_ktime_get_boot_ns();
}

static __always_inline bool go_marked(__u32 tgid)
{
	__u32 at = tgid >> 6 & (GO_MARKS - 1);
	__u64 *marks = bpf_map_lookup_elem(&go_marks, &at);

	return marks && *marks >> (tgid & 63) & 1;
}

/* The current process, if it is one of Go. */
static __always_inline struct go_process *go_here(void)
{
	__u32 tgid;

	if (!go_followed)
		return 0;
	tgid = bpf_get_current_pid_tgid() >> 32;
	return go_marked(tgid) ? bpf_map_lookup_elem(&go_processes, &tgid) : 0;
}

/* Requests that were on their way when a program began to be followed are over after this,
 * nearly all, ns: until then not to know of one says nothing. */
#define GO_SETTLED 2000000000ULL

/* A goroutine that no request is known of calls somebody. In a program that gets requests
 * it may have been started for one: user space sees to it that this is known from now on.
 * Most servers start a goroutine for each request and never come here. */
static __always_inline void go_ask(struct go_process *p)
{
	__u32 at = GO_MARKS;
	__u64 *asked;

	if (!p->serves || p->asks || bpf_ktime_get_boot_ns() - p->serves < GO_SETTLED)
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

/* The goroutine that is in a system call, or at a uprobe, and what is noted of it, if that is
 * so. False when it is none, as in C code: there its register holds anything, and the stack
 * pointer is not within its stack. Where that is was noted; it is asked for anew when it has
 * moved. What was once a goroutine's stack is never that of C code. */
static __always_inline bool current_goroutine(struct goroutine *to, struct thread **noted)
{
	struct {
		__u64 lo, hi;
	} stack; /* the beginning of struct runtime.g */
	struct pt_regs *regs;
	struct go_part *p;
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
	p = bpf_map_lookup_elem(&go_goroutines, to);
	*noted = p ? &p->t : 0;
	if (p && sp >= p->lo && sp < p->hi)
		return true;
	if (bpf_probe_read_user(&stack, sizeof(stack), (void *)to->g) || sp < stack.lo || sp >= stack.hi)
		return false;
	if (p) {
		p->lo = stack.lo;
		p->hi = stack.hi;
	}
	return true;
}

/* Takes part in nothing. It is not on the stack, of which there is little. */
const volatile struct go_part go_nothing = {};

static __always_inline struct thread *take_note(const struct goroutine *g)
{
	bpf_map_update_elem(&go_goroutines, g, (void *)&go_nothing, BPF_ANY);
	return bpf_map_lookup_elem(&go_goroutines, g);
}

__noinline int goroutine_open(__u64 id, __u32 seq, __u8 decided)
{
	struct goroutine g;
	struct thread *t;

	if (!current_goroutine(&g, &t))
		return 0;
	serving_add(id, seq);
	if (!t || t->kind != PART_TURNS)
		t = take_note(&g);
	if (t)
		thread_add(t, id, seq, decided);
	return 0;
}

/* A server of net/http lets another goroutine wait for one byte more while it answers. When that
 * is the first one of the next request, it is not the goroutine that serves this. */
__noinline int goroutine_next(__u64 id, __u32 seq, __u8 decided)
{
	return go_here() ? goroutine_open(id, seq, decided) : 0;
}

/* Gives the request's route, and SERVED if the process, which has a mark, is one of Go. That it is
 * shows by the request, which is to be looked up anyway. */
__noinline int goroutine_done(__u64 id)
{
	struct goroutine g;
	struct thread *t;
	__u32 served;

	served = serving_remove(id);
	if (!served && !go_here())
		return 0;
	if (current_goroutine(&g, &t) && t)
		thread_remove(t, id);
	return served | SERVED;
}

/* Notes that the goroutine reads the requests of a connection of HTTP/2. */
__noinline int goroutine_reads(__u64 id, __u8 late)
{
	struct go_process *p = go_here();
	struct goroutine g;
	struct thread *t;

	if (!p || !current_goroutine(&g, &t))
		return 0;
	go_serves(p);
	if (t && t->conn[0] == id)
		return 0;
	if (!t)
		t = take_note(&g);
	if (!t)
		return 0;
	__builtin_memset(t, 0, sizeof(*t));
	t->kind = PART_READS;
	t->conn[0] = id;
	t->decided[0] = late;
	return 0;
}

/* Names the request of a goroutine that is not answered, if it is one. */
static __always_inline bool serves(const struct thread *t, struct seg *s)
{
	switch (t->kind) {
	case PART_TURNS:
		thread_only(t, s);
		if (serving_has(s->parent_conn, s->parent_seq))
			return true;
		break;
	case PART_STREAM: /* user space knows when it is over */
		s->parent_conn = t->conn[0];
		s->parent_seq = t->seq[0];
		return true;
	}
	s->parent_conn = 0;
	s->parent_seq = 0;
	s->decided = UNDECIDED;
	return false;
}

/* Names the request that the goroutine takes part in, if it is one and not answered. */
static __always_inline void goroutine_only(struct go_process *p, struct seg *s)
{
	struct goroutine g;
	struct thread *t;

	if (!current_goroutine(&g, &t))
		return;
	if (t && t->kind == PART_WRITES) {
		s->parent_conn = g.g;
		s->goroutine = 2;
	} else if (takes_part(t) && serves(t, s)) {
		s->goroutine = 1;
		if (t->kind == PART_STREAM) /* or a goroutine that served it once: only its start tells */
			go_ask(p);
	} else {
		go_ask(p);
	}
}

#endif

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The state of one connection in the variant that hooks the socket layer, and
 * what the programs do with a run of bytes. The kernel holds the socket's lock
 * around both tracepoints, so the state needs no lock of its own. */
#ifndef __EBPFRECEIVER_SOCKET_CONN_H
#define __EBPFRECEIVER_SOCKET_CONN_H

#include "recognize.h"
#include "secrets.h"
#include "socket.h"

enum {
	S_TRACKED,
	S_OPTED_OUT,
	S_ENCRYPTED, /* its bytes are TLS records: see socket_tls.h */
	S_PLAINTEXT, /* what is in these, in a hash */
};

/* Where records are put together: see struct scratch. */
#ifndef SCRATCHES
#define SCRATCHES 3
#define SCRATCH_OF(c, d) (d)
#endif

/* Where the frames of one direction of HTTP/2 have come to. */
struct h2 {
	__u32 frame;  /* sequence number of the next frame's header */
	__u8 state;
	__u8 data;    /* whether what comes before that is a DATA frame's */
	__u8 head[10]; /* of a header that comes in pieces, as far as it was seen */
};

/* What a socket is known by from outside; an IPv4 address is in the first bytes. */
struct address {
	__u8 laddr[16];
	__u8 raddr[16];
	__u32 netns;
	__u16 family;
	__u16 lport;
	__u16 rport;
	__u16 zero;
};

struct conn {
	__u64 id;
	__u64 start;
	union {
		struct address address;
		struct { /* its members */
			__u8 laddr[16];
			__u8 raddr[16];
			__u32 netns;
			__u16 family;
			__u16 lport;
			__u16 rport;
			__u16 zero;
		};
	};
	__u32 tgid;
	__u8 state;
	__u8 role;
	__u8 proto;
	__u8 misses;
	__u8 last_dir;
	__u8 known[2];	 /* this direction has been seen */
	__u8 last_len[2];
	__u8 fin_sent;
	__u16 lost;
	__u8 pending;	 /* its process was not decided on when it was last looked at */
	__u8 secret;	 /* in a request that may carry a password, until the other side's turn */
	__u32 version;	 /* odd while a program changes the state: for the sweep */
	__u32 next[2];	 /* sequence number after what was reported or stored */
	__u32 swept;	 /* the same for the sweep, which alone writes it */
	__u32 turn_bytes; /* of requests since the last response */
	__u32 window;	 /* of time, and what was copied whole within it */
	__u32 whole;
	__u32 budget[2]; /* bytes that may still be copied of the message under way */
	__u64 pos[2];	 /* stream position at next */
	__u64 last_ts[2];
	__u8 last[2][8];
	/* Of the last request: what the process did it for, and what is decided. */
	__u64 parent_conn;
	__u32 parent_seq;
	__u8 parent_goroutine;
	__u8 decided;
	__u8 method; /* set when the exchange may be told in a summary */
	__u8 minor;	/* of the version of HTTP/1; of HTTP/2: its first bytes were seen */
	__u8 target_at; /* of its target */
	__u8 target_len;
	__u8 end;	/* enum role, as far as the socket tells which end it is */
	__u32 body_len; /* of its body */
	__u32 host_now;	 /* a number for its Host field */
	__u32 host_sent; /* the same for the last one that user space knows */
	__u16 head_at;	 /* of the last response that was scanned: where its head ended, */
	__u16 length_at; /* and where the value of Content-Length began; 0: it had none */
	__u64 told;	 /* when host_sent was told, ns */
	__u64 number;	 /* of the connection, the same at both ends */
	__u64 plain;	 /* of an encrypted connection: where its plaintext is */
	__u64 owner;	 /* of a plaintext: the library's object that has it, 0 until known */
	__u8 slot;	 /* of a plaintext: the scratch buffer in use */
	__u8 epoch;	 /* of an encrypted one: what tls_epoch was when plain was made */
	__u16 route;	 /* of the last response: see go_request */
	__u32 passed[2]; /* of a plaintext: bytes so far, which stand for sequence numbers */
	__u32 stored_other; /* where the other direction was when it was stored */
	struct h2 h2[2];
	/* See socket_tally.h. The sweep alone writes tallied and tally_told. */
	__u64 tally_keys[TALLIES]; /* what they are of, and their numbers; 0: not in use */
	__u64 tally_told[TALLIES]; /* the number, and what count was when it was told last */
	__u64 tallied;		   /* when that was, ns */
	__u16 tally_number;	   /* the last one given */
	struct tally tallies[TALLIES];
	struct seg stored; /* a request whose response has not begun; len 0: none */
	__u8 request[STORED_MAX];
	__u64 beyond; /* words are read across the end of the request */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn);
} socket_conns SEC(".maps");

/* Where a record is put together. One for each direction, and one for what
 * fexit/tcp_sendmsg_locked adds: each program has its own, since another task may
 * preempt it with a different program on the same processor. The verifier does
 * not see that offset and length of a copy together stay below CAPTURE_MAX:
 * hence the room for both. */
struct scratch {
	__u8 last[2 * 8]; /* room of its own for the end of a segment */
	__u64 starts; /* requests that begin in the piece of HTTP/2 at hand */
	__u32 summaries; /* that were sent so far */
	__u32 told; /* what a function is told beside its arguments */
	__u32 cell[3]; /* see forget() */
	__u64 from[5]; /* where it is to read from: struct place, and how far behind that */
	struct rec rec; /* the data come right behind it */
	__u8 data[STORED_MAX + 2 * CAPTURE_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, __u32);
	__type(value, struct scratch);
} socket_scratch SEC(".maps");

/* How much is copied of a response: more after many requests at once, which may
 * be answered at once. */
static __always_inline __u32 response_budget(__u32 turn_bytes)
{
	return turn_bytes > 1024 ? CAPTURE_MAX : max_response;
}

/* How much is copied of a segment that may begin a message. */
static __always_inline __u32 segment_budget(enum proto proto, bool is_request, __u32 turn_bytes)
{
	/* Of what a consumer of Kafka fetches, the headers of batches tell the number. */
	if (is_packed(proto) || (proto == PROTO_KAFKA && !is_request))
		return CAPTURE_MAX;
	return is_request ? max_request : response_budget(turn_bytes);
}

/* A segment of small messages is copied whole, in parts of CAPTURE_MAX: of its
 * boundaries each that is not seen is a message lost. What is large payload
 * shows by its rate, and of that only the first part is copied. */
#define MAX_PARTS 24
#define WINDOW_SHIFT 26	     /* 67 ms */
#define WINDOW_BYTES (8 << 20) /* 119 MiB a second */

static __always_inline bool copy_whole(struct conn *c, __u32 len, __u64 now)
{
	__u32 window = now >> WINDOW_SHIFT;

	if (c->window != window) {
		c->window = window;
		c->whole = 0;
	}
	c->whole += len;
	return c->whole <= WINDOW_BYTES;
}

/* A program may preempt another one on its processor, but not in the same ns. */
static __always_inline __u64 next_id(void)
{
	return bpf_ktime_get_boot_ns() << 10 | (bpf_get_smp_processor_id() & 1023);
}

/* The requests that a thread has received and not yet begun to answer. With
 * exactly one, what the thread sends elsewhere is done for that one. */
#define OPEN_MAX 4
struct thread {
	__u64 conn[OPEN_MAX];
	__u32 seq[OPEN_MAX];
	__u8 decided[OPEN_MAX];
	__u8 kind; /* of a goroutine: enum part */
	__u8 pad[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} socket_threads SEC(".maps");

static __always_inline void thread_add(struct thread *t, __u64 id, __u32 seq, __u8 decided)
{
	int slot = OPEN_MAX - 1;

#pragma unroll
	for (int i = OPEN_MAX - 1; i >= 0; i--)
		if (!t->conn[i])
			slot = i;
#pragma unroll
	for (int i = 0; i < OPEN_MAX; i++)
		if (t->conn[i] == id)
			slot = i;
	t->conn[slot & (OPEN_MAX - 1)] = id;
	t->seq[slot & (OPEN_MAX - 1)] = seq;
	t->decided[slot & (OPEN_MAX - 1)] = decided;
}

static __always_inline void thread_remove(struct thread *t, __u64 id)
{
#pragma unroll
	for (int i = 0; i < OPEN_MAX; i++)
		if (t->conn[i] == id)
			t->conn[i] = 0;
}

/* Names in the segment the request that the thread serves, if it is one. */
static __always_inline void thread_only(const struct thread *t, struct seg *s)
{
	int open = 0;

#pragma unroll
	for (int i = 0; i < OPEN_MAX; i++) {
		if (t->conn[i]) {
			s->parent_conn = t->conn[i];
			s->parent_seq = t->seq[i];
			s->decided = t->decided[i];
			open++;
		}
	}
	if (open != 1) {
		s->parent_conn = 0;
		s->parent_seq = 0;
		s->decided = UNDECIDED;
	}
}

#include "socket_goroutine.h"

/* Functions that are not static are verified once, not on each path to them. */
__noinline int thread_open(__u64 id, __u32 seq, __u8 decided)
{
	struct go_process *p = go_here();
	struct thread *t;

	if (p) {
		go_serves(p);
		return goroutine_open(id, seq, decided);
	}
	t = bpf_task_storage_get(&socket_threads, bpf_get_current_task_btf(), 0,
				 BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (t)
		thread_add(t, id, seq, decided);
	return 0;
}

/* Gives the request's route: see go_request. */
__noinline int thread_done(__u64 id)
{
	struct thread *t;
	int served;

	if (go_followed && go_marked(bpf_get_current_pid_tgid() >> 32)) {
		served = goroutine_done(id);
		if (served)
			return served & (SERVED - 1);
	}
	t = bpf_task_storage_get(&socket_threads, bpf_get_current_task_btf(), 0, 0);
	if (t)
		thread_remove(t, id);
	return 0;
}

__noinline int thread_parent(struct conn *c)
{
	struct go_process *p;
	struct thread *t;
	struct seg s = {};

	if (!c)
		return 0;
	p = go_here();
	if (p) {
		goroutine_only(p, &s);
	} else {
		t = bpf_task_storage_get(&socket_threads, bpf_get_current_task_btf(), 0, 0);
		if (t)
			thread_only(t, &s);
	}
	c->parent_goroutine = s.goroutine;
	c->parent_conn = s.parent_conn;
	c->parent_seq = s.parent_seq;
	c->decided = s.decided;
	return 0;
}

static __always_inline void fill_address(struct conn *c, const struct sock *sk)
{
	c->family = sk->__sk_common.skc_family;
	c->lport = sk->__sk_common.skc_num;
	c->rport = bpf_ntohs(sk->__sk_common.skc_dport);
	c->netns = sk->__sk_common.skc_net.net->ns.inum;
	if (c->family == AF_INET6) {
		const __u64 *l = (const __u64 *)sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8;
		const __u64 *r = (const __u64 *)sk->__sk_common.skc_v6_daddr.in6_u.u6_addr8;

		((__u64 *)c->laddr)[0] = l[0];
		((__u64 *)c->laddr)[1] = l[1];
		((__u64 *)c->raddr)[0] = r[0];
		((__u64 *)c->raddr)[1] = r[1];
	} else {
		*(__u32 *)c->laddr = sk->__sk_common.skc_rcv_saddr;
		*(__u32 *)c->raddr = sk->__sk_common.skc_daddr;
	}
}

/* What inet_bind_bucket.fastreuse is for a port that connect() chose
 * (net/ipv4/inet_hashtables.c); one that was bound before connect() tells nothing. */
#define CONNECT_CHOSE ((signed char)-1)

static __always_inline bool has_bind_hash(const struct inet_connection_sock *icsk)
{
	return bpf_core_field_exists(icsk->icsk_bind_hash) &&
	       bpf_core_field_exists(icsk->icsk_bind_hash->fastreuse);
}

/* Which end of its connection a socket of TCP is. One that was accepted is a copy of the
 * listening one, with its backlog; where that is 0, and on kernels without these fields,
 * it is not known. */
static __always_inline __u8 read_end(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = (const void *)sk;

	if (bpf_core_field_exists(sk->sk_max_ack_backlog) && BPF_CORE_READ(sk, sk_max_ack_backlog))
		return ROLE_SERVER;
	if (has_bind_hash(icsk) && BPF_CORE_READ(icsk, icsk_bind_hash, fastreuse) == CONNECT_CHOSE)
		return ROLE_CLIENT;
	return ROLE_UNKNOWN;
}

static __always_inline void fill_rec(struct rec *r, struct conn *c, __u64 now, __u8 flags)
{
	r->conn = c->id;
	r->start = c->start;
	r->time = now;
	r->tgid = c->tgid;
	r->netns = c->netns;
	r->role = c->role;
	r->proto = c->proto;
	r->flags = flags | (c->state == S_PLAINTEXT ? REC_TLS : 0);
	r->nsegs = 0;
	r->family = c->family;
	r->lport = c->lport;
	r->rport = c->rport;
	r->lost = c->lost;
	__builtin_memcpy(r->laddr, c->laddr, 16);
	__builtin_memcpy(r->raddr, c->raddr, 16);
}

/* Adds what passed in a direction up to seq and was not copied. */
__noinline int add_rest(struct rec *r, struct conn *c, int d, __u32 seq)
{
	struct seg *s;
	__u32 len;

	if (!r || !c)
		return 0;
	d &= 1;
	len = seq - c->next[d];
	if (!c->known[d] || (__s32)len <= 0)
		return 0;
	s = next_seg(r);
	if (!s)
		return 0;
	__builtin_memset(s, 0, sizeof(*s));
	s->start = s->end = c->last_ts[d];
	s->pos = c->pos[d];
	s->len = len;
	s->seq = c->next[d];
	s->dir = d;
	s->last_len = c->last_len[d];
	__builtin_memcpy(s->last, c->last[d], 8);
	c->pos[d] += len;
	c->next[d] = seq;
	return 0;
}

#endif

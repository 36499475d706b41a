// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Variant "sys_exit": the end of the system calls that move bytes, with the
 * descriptor walked to its socket. It works since 5.10 and sees Unix sockets.
 * Nothing locks a connection here, so each segment is sent at once: two records
 * for an exchange. What the program did not see is known by the sequence numbers
 * of TCP. Two threads that use one direction at the same time may have their
 * bytes counted in the wrong order. */
#ifndef __EBPFRECEIVER_SOCKET_SYSCALL_H
#define __EBPFRECEIVER_SOCKET_SYSCALL_H

#include "kernel/fd.h"
#include "kernel/syscall.h"

/* Buffers of one call that are looked into, and messages of one mmsg call. */
#define USER_IOVECS 6
#define USER_MESSAGES 8
/* A mask that keeps whatever is up to CAPTURE_MAX. */
#define BOUND 16383

/* A connection as seen from its descriptors. */
struct fd_conn {
	__u64 id;
	__u64 start;
	__u64 ino; /* of the socket: tells one that reuses the memory */
	__u32 tgid;
	__u32 netns;
	__u8 state;
	__u8 role;
	__u8 proto;
	__u8 misses;
	__u8 last_dir;
	__u8 is_tcp;
	__u16 family;
	__u16 lport;
	__u16 rport;
	__u16 lost;
	__u8 secret; /* as in struct conn */
	__u8 known;  /* bits: next_seq of this direction is set */
	__u8 apart;  /* size was a segment of its own, and may be that of a message */
	__u8 ktls;   /* the kernel encrypts what the process moves */
	__u8 pad[2];
	__u8 laddr[16];
	__u8 raddr[16];
	__u32 budget[2];
	__u32 turn_bytes;
	__u32 next_seq[2];
	__u32 size;
	__u64 pos[2];	   /* bytes that passed */
	__u64 reported[2]; /* of these, in records */
	__u64 last_ts[2];
};

/* By the address of the socket's struct sock. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct fd_conn);
} socket_fds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct fd_conn);
} socket_new_fd SEC(".maps");

struct fd_scratch {
	struct rec rec;
	__u8 data[2 * (BOUND + 1) - sizeof(struct rec)];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2); /* by direction, as in socket_scratch */
	__type(key, __u32);
	__type(value, struct fd_scratch);
} socket_fd_scratch SEC(".maps");

/* What struct thread is in task storage, for kernels before 5.11. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct thread);
} socket_tids SEC(".maps");

/* Where a call's bytes are: one buffer, or an array of them. */
struct buffers {
	__u64 base;
	__u64 iov;
	__u64 iovlen;
	__u64 skip;	/* bytes of the array's first buffer that are none of them */
	bool in_kernel; /* the array, not the bytes */
	bool none;	/* they are in no memory of the process */
};

static __always_inline bool read_buffer(struct user_iovec *v, const struct buffers *b, int i)
{
	const struct user_iovec *from = (const struct user_iovec *)b->iov + i;
	long err;

	if (b->in_kernel)
		err = bpf_probe_read_kernel(v, sizeof(*v), from);
	else
		err = bpf_probe_read_user(v, sizeof(*v), from);
	if (err)
		return false;
	if (i == 0) {
		v->iov_base += b->skip;
		v->iov_len -= b->skip;
	}
	return true;
}

static __always_inline struct fd_conn *new_fd_conn(__u64 key, struct sock *sk, __u64 ino, __u32 d,
						   __u32 tgid, __u64 start)
{
	struct fd_conn *c = bpf_map_lookup_elem(&socket_new_fd, &d);
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (!c || (family != AF_INET && family != AF_INET6 && family != AF_UNIX))
		return 0;
	__builtin_memset(c, 0, sizeof(*c));
	c->id = next_id();
	c->ino = ino;
	c->tgid = tgid;
	c->start = start;
	c->family = family;
	c->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (family != AF_UNIX) {
		c->is_tcp = 1;
		c->lport = BPF_CORE_READ(sk, __sk_common.skc_num);
		c->rport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	}
	if (family == AF_INET) {
		BPF_CORE_READ_INTO((__u32 *)c->laddr, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__u32 *)c->raddr, sk, __sk_common.skc_daddr);
	} else if (family == AF_INET6) {
		BPF_CORE_READ_INTO(&c->laddr, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&c->raddr, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
	if (bpf_map_update_elem(&socket_fds, &key, c, BPF_ANY)) {
		count(C_LOST_STORAGE);
		return 0;
	}
	return bpf_map_lookup_elem(&socket_fds, &key);
}

/* Copies up to n bytes from the process's buffers. */
static __always_inline __u32 copy_buffers(__u8 *dst, __u32 n, const struct buffers *b)
{
	__u32 done = 0;

	if (n > CAPTURE_MAX)
		n = CAPTURE_MAX;
	barrier_var(n);
	n &= BOUND; /* which is what verifiers before 6.12 understand */
	if (b->base)
		return bpf_probe_read_user(dst, n, (void *)b->base) ? 0 : n;
	for (int i = 0; i < USER_IOVECS; i++) {
		struct user_iovec v;
		__u32 take;

		if (i >= b->iovlen || done >= n)
			break;
		if (!read_buffer(&v, b, i))
			break;
		take = n - done;
		if (v.iov_len < take)
			take = v.iov_len;
		barrier_var(take);
		barrier_var(done);
		if (take > CAPTURE_MAX || done >= CAPTURE_MAX)
			break;
		take &= BOUND;
		done &= BOUND;
		if (bpf_probe_read_user(dst + done, take, (void *)v.iov_base))
			break;
		done += take;
	}
	return done;
}

/* Copies up to LOOK bytes of the first buffer. */
static __always_inline __u32 copy_look(__u8 *dst, __u32 len, const struct buffers *b)
{
	struct user_iovec v = {.iov_base = b->base, .iov_len = len};

	if (!b->base && !read_buffer(&v, b, 0))
		return 0;
	if (v.iov_len < len)
		len = v.iov_len;
	if (len > LOOK)
		len = LOOK;
	barrier_var(len);
	len &= 2 * LOOK - 1; /* for old verifiers, as in copy_buffers */
	return bpf_probe_read_user(dst, len, (void *)v.iov_base) ? 0 : len;
}

static __always_inline void add_fd_rest(struct rec *r, struct fd_conn *c, int d)
{
	__u64 len = c->pos[d] - c->reported[d];
	struct seg *s;

	if (!len || len > 1ULL << 40)
		return;
	s = next_seg(r);
	if (!s)
		return;
	__builtin_memset(s, 0, sizeof(*s));
	s->start = s->end = c->last_ts[d];
	s->pos = c->reported[d];
	s->len = len;
	s->seq = c->next_seq[d] - (__u32)len;
	s->dir = d;
	c->reported[d] += len;
}

static __always_inline void fill_fd_rec(struct rec *r, struct fd_conn *c, __u64 now, __u8 flags)
{
	r->conn = c->id;
	r->start = c->start;
	r->time = now;
	r->tgid = c->tgid;
	r->netns = c->netns;
	r->role = c->role;
	r->proto = c->proto;
	r->flags = flags | (c->is_tcp ? 0 : REC_UNIX) | (c->ktls ? REC_TLS : 0);
	r->nsegs = 0;
	r->family = c->family;
	r->lport = c->lport;
	r->rport = c->rport;
	r->lost = c->lost;
	__builtin_memcpy(r->laddr, c->laddr, 16);
	__builtin_memcpy(r->raddr, c->raddr, 16);
}

/* Reports the end of a connection, or of sending on it. */
static __always_inline void fd_ended(struct fd_conn *c, __u8 flags)
{
	struct rec *r;

	if (c->role == ROLE_UNKNOWN || c->state == S_OPTED_OUT)
		return;
	count(C_SEEN);
	r = bpf_ringbuf_reserve(&socket_events, sizeof(*r), 0);
	if (!r) {
		count(C_LOST_RING);
		return;
	}
	fill_fd_rec(r, c, bpf_ktime_get_boot_ns(), flags);
	add_fd_rest(r, c, RX);
	add_fd_rest(r, c, TX);
	bpf_ringbuf_submit(r, wakeup_flags());
}

/* Tells that what the process moves is plaintext, which the kernel encrypts. */
static __always_inline void fd_ktls(struct fd_conn *c)
{
	struct rec *r;
	struct seg *s;

	c->ktls = 1;
	c->misses = 0; /* those of the handshake */
	count(C_SEEN);
	r = bpf_ringbuf_reserve(&socket_events, sizeof(*r), 0);
	if (!r) {
		count(C_LOST_RING);
		return;
	}
	fill_fd_rec(r, c, bpf_ktime_get_boot_ns(), REC_HELLO);
	s = next_seg(r);
	if (s) {
		__builtin_memset(s, 0, sizeof(*s));
		s->start = s->end = r->time;
	}
	bpf_ringbuf_submit(r, wakeup_flags());
}

static __always_inline struct fd_conn *fd_conn_of(struct sock *sk, __u64 ino, __u32 d, __u32 tgid)
{
	__u64 key = (__u64)sk, start;
	struct fd_conn *c = bpf_map_lookup_elem(&socket_fds, &key);

	if (c && c->ino == ino) {
		if (c->state == S_OPTED_OUT)
			return 0;
		if (c->tgid == tgid)
			return c;
	}
	if (!proc_captured(tgid, &start))
		return 0;
	if (c && c->ino == ino) {
		c->tgid = tgid;
		c->start = start;
		return c;
	}
	/* Nothing tells here of the end of a connection over a Unix socket but the next one. */
	if (c && !c->is_tcp)
		fd_ended(c, REC_CLOSED);
	return new_fd_conn(key, sk, ino, d, tgid, start);
}

/* What the thread serves: in task storage where another program of the variant
 * has it there, else in the hash. */
static __always_inline struct thread *thread_state(bool in_storage)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	if (in_storage)
		return bpf_task_storage_get(&socket_threads, bpf_get_current_task_btf(), 0, 0);
	return bpf_map_lookup_elem(&socket_tids, &tid);
}

static __always_inline void tid_open(__u64 id, __u32 seq, bool in_storage)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct thread *t;

	if (in_storage) {
		thread_open(id, seq, UNDECIDED);
		return;
	}
	t = thread_state(false);
	if (t) {
		thread_add(t, id, seq, UNDECIDED);
	} else {
		struct thread fresh = {};

		fresh.conn[0] = id;
		fresh.seq[0] = seq;
		bpf_map_update_elem(&socket_tids, &tid, &fresh, BPF_ANY);
	}
}

static __always_inline void fd_passed(struct fd_conn *c, int d, __u32 next)
{
	c->next_seq[d] = next;
	c->known |= 1 << d;
}

/* The sequence numbers of any socket. */
static __always_inline struct seqs seqs_read(const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;

	return (struct seqs){
		BPF_CORE_READ(tp, rcv_nxt),
		BPF_CORE_READ(tp, copied_seq),
		BPF_CORE_READ(tp, write_seq),
	};
}

/* Takes note of bytes that passed unseen up to a sequence number: by io_uring,
 * or because the kernel skipped the program. Else a request could be paired with
 * the response to another one. */
static __always_inline void fd_missed(struct fd_conn *c, const struct sock *sk, int d, __u32 upto)
{
	__s32 gap = upto - c->next_seq[d];

	if (gap <= 0 || !(c->known & 1 << d) || c->role == ROLE_UNKNOWN)
		return;
	/* The records of the kernel's TLS are longer than what they carry. */
	if (BPF_CORE_READ((const struct inet_connection_sock *)sk, icsk_ulp_ops))
		return;
	c->pos[d] += gap;
	c->next_seq[d] = upto;
	c->last_dir = d + 1;
}

#define SENT_BEFORE_MAX 5000000

/* When what a process has just sent went out: the call may end later than the
 * peer has read it. Without a packet (MSG_MORE) the time is that of an older
 * one, and then the end of the call has to do. */
static __always_inline __u64 sent_at(const struct fd_conn *c, const struct sock *sk)
{
	__u64 now = bpf_ktime_get_boot_ns(), at;
	__s64 ago = bpf_ktime_get_ns() -
		    BPF_CORE_READ((const struct tcp_sock *)sk, tcp_mstamp) * 1000;

	if (ago <= 0 || ago > SENT_BEFORE_MAX)
		return now;
	at = now - ago;
	return at > c->last_ts[RX] && at > c->last_ts[TX] ? at : now;
}

/* recognize(), for the verifier to see once where it knows how to. */
static __always_inline enum message recognize_for(const __u8 *look, __u32 len, __u32 wanted,
						  __u8 *proto, bool once)
{
	int found;

	if (!once)
		return recognize(look, len, wanted, proto);
	found = recognize_once((const struct look *)look, len, wanted);
	*proto = found >> 8;
	return found & 0xff;
}

/* What judge() is for the other variants. */
static __always_inline __u32 fd_judge(struct fd_conn *c, const __u8 *look, __u32 len, __u32 known)
{
	bool is_request = known & IS_REQUEST, turn = known & IS_TURN;
	__u8 proto = c->proto, was = c->secret;
	__u32 most = CAPTURE_MAX;

	if (classify(look, len, proto, is_request, turn)) {
		known |= IS_START;
		if (is_interim(look, proto))
			known |= IS_INTERIM;
	}
	if (is_request && stays_secret(look, len, proto, turn, &c->secret))
		most = secret_head(look, len, proto, turn, was);
	return known | most;
}

__noinline int fd_judge_once(struct fd_conn *c, const struct look *l, __u32 len, __u32 known)
{
	return c && l ? fd_judge(c, l->bytes, len, known) : 0;
}

static __always_inline void fd_segment(struct fd_conn *c, int d, __u32 seq, __u32 len, __u64 now,
				       const struct buffers *b, bool in_storage)
{
	struct fd_scratch *sc;
	struct seg *s;
	struct rec *r;
	enum message m;
	__u32 which = d, n = 0, cap = 0, known;
	__u8 *look, starts, turn;
	bool is_request, server, fresh = false;

	sc = bpf_map_lookup_elem(&socket_fd_scratch, &which);
	if (!sc)
		return;
	look = sc->data;
	__builtin_memset(look, 0, LOOK);
	if (!b->none)
		n = copy_look(look, len, b);
	turn = c->last_dir != d + 1;
	c->last_dir = d + 1;
	if (c->role == ROLE_UNKNOWN) {
		__u32 rules = rules_of(c->tgid, c->lport, c->rport), wanted = wanted_by(rules);

		m = told_message(rules, d, &c->proto);
		if (m == MSG_NONE && n >= 2)
			m = recognize_for(look, len, wanted, &c->proto, in_storage);
		if (m == MSG_NONE && c->apart && !turn) {
			/* what follows the size that was read before */
			m = kafka_message((__u8 *)&c->size, look, len);
			c->proto = PROTO_KAFKA;
			fresh = m;
		}
		m = forget(&sc->rec, m);
		c->apart = is_wanted(wanted, PROTO_KAFKA) && is_kafka_size(look, len);
		c->size = *(__u32 *)look;
		if (m == MSG_NONE) {
			if (turn && wanted & ALL_SAID && ++c->misses >= max_misses) {
				c->state = S_OPTED_OUT;
				count(C_OPTED_OUT);
			}
			c->last_ts[d] = now;
			fd_passed(c, d, seq + len);
			return;
		}
		c->role = (m == MSG_REQUEST) == (d == RX) ? ROLE_SERVER : ROLE_CLIENT;
		turn = 1; /* what came before it, as a length read by itself, was none */
	}
	server = c->role == ROLE_SERVER;
	is_request = server == (d == RX);
	if (is_upgrade(look, c->proto, is_request) &&
	    !is_forbidden(rules_of(c->tgid, c->lport, c->rport), PROTO_HTTP2))
		c->proto = PROTO_HTTP2;
	known = (turn ? IS_TURN : 0) | (is_request ? IS_REQUEST : 0) | (fresh ? IS_FRESH : 0);
	known = in_storage ? fd_judge_once(c, (const struct look *)look, len, known) : fd_judge(c, look, len, known);
	known = forget(&sc->rec, known);
	len = forget(&sc->rec, len);
	turn = !!(known & IS_TURN);
	starts = !!(known & IS_START);
	server = c->role == ROLE_SERVER;
	is_request = server == (d == RX);
	if (is_request)
		c->turn_bytes = turn ? len : c->turn_bytes + len;
	if (known & (IS_START | IS_FRESH) || is_rest(len, c->proto, turn))
		c->budget[d] = segment_budget(c->proto, is_request, c->turn_bytes);
	n = len < c->budget[d] ? len : c->budget[d];
	if (n > (known & MOST))
		n = known & MOST;
	if (b->none)
		n = 0;
	n = forget(&sc->rec, n);
	if (!n) {
		c->pos[d] += len;
		c->last_ts[d] = now;
		fd_passed(c, d, seq + len);
		return;
	}
	c->budget[d] -= n;
	if (server && starts && takes_turns(c->proto)) {
		if (is_request) {
			tid_open(c->id, seq, in_storage);
		} else if (!(known & IS_INTERIM)) {
			struct thread *t = thread_state(in_storage);

			if (t)
				thread_remove(t, c->id);
		}
	}

	r = &sc->rec;
	fill_fd_rec(r, c, now, 0);
	add_fd_rest(r, c, !d);
	add_fd_rest(r, c, d);
	c->last_ts[d] = now;
	fd_passed(c, d, seq + len);
	s = next_seg(r);
	if (!s)
		return;
	__builtin_memset(s, 0, sizeof(*s));
	cap = copy_buffers(sc->data, n, b);
	if (cap > CAPTURE_MAX)
		return;
	if (!cap)
		count(C_UNREADABLE);
	s->start = s->end = now;
	s->pos = c->pos[d];
	s->len = len;
	s->seq = seq;
	s->tid = (__u32)bpf_get_current_pid_tgid();
	s->cap = cap;
	s->dir = d;
	s->starts = starts;
	if (is_request && !server) {
		struct thread *t = thread_state(in_storage);

		if (t)
			thread_only(t, s);
	}
	c->pos[d] += len;
	c->reported[d] = c->pos[d];
	count(C_SEEN);
	if (bpf_ringbuf_output(&socket_events, r, sizeof(*r) + cap, wakeup_flags())) {
		count(C_LOST_RING);
		if (is_request && starts) {
			count_lost_starts(c->proto, 1);
			c->lost++;
		}
	}
}

static __always_inline void fd_bytes(__u64 fd, int d, __u32 len, const struct buffers *b)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct fd_conn *c;
	struct sock *sk;
	struct seqs q;
	__u64 ino = 0;
	__u32 seq;

	if (proc_state(tgid) == PROC_IGNORED)
		return;
	sk = sock_of(fd, SOCK_STREAM, &ino);
	if (!sk)
		return;
	c = fd_conn_of(sk, ino, d, tgid);
	if (!c)
		return;
	if (!c->is_tcp) {
		fd_segment(c, d, (__u32)c->pos[d], len, bpf_ktime_get_boot_ns(), b, false);
		return;
	}
	if (unlikely(c->role == ROLE_UNKNOWN && !c->ktls && has_ktls(sk)))
		fd_ktls(c);
	q = seqs_read(sk);
	q.copied = received(&q, BPF_CORE_READ(sk, __sk_common.skc_state));
	seq = (d == TX ? q.written : q.copied) - len;
	fd_missed(c, sk, !d, d == TX ? q.copied : q.written);
	fd_missed(c, sk, d, seq);
	fd_segment(c, d, seq, len, d == TX ? sent_at(c, sk) : bpf_ktime_get_boot_ns(), b, false);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(socket_sys_exit, struct pt_regs *regs, long ret)
{
	long nr = SYSCALL_NR(regs);
	struct buffers b = {}, none = {.none = true};
	struct user_msghdr h;
	__u64 msg;
	__u32 len = ret;
	int d;

	if (ret <= 0)
		return 0;
	switch (nr) {
	case NR_read:
	case NR_recvfrom:
		if (nr == NR_recvfrom && SYSCALL_ARG3(regs) & (MSG_PEEK | MSG_OOB))
			return 0;
		d = RX;
		b.base = SYSCALL_ARG1(regs);
		break;
	case NR_write:
	case NR_sendto:
		d = TX;
		b.base = SYSCALL_ARG1(regs);
		break;
	case NR_readv:
	case NR_writev:
		d = nr == NR_writev ? TX : RX;
		b.iov = SYSCALL_ARG1(regs);
		b.iovlen = SYSCALL_ARG2(regs);
		break;
	case NR_recvmsg:
		if (SYSCALL_ARG2(regs) & (MSG_PEEK | MSG_OOB))
			return 0;
		/* fallthrough */
	case NR_sendmsg:
	case NR_sendmmsg:
	case NR_recvmmsg:
		d = nr == NR_sendmsg || nr == NR_sendmmsg ? TX : RX;
		msg = SYSCALL_ARG1(regs);
		if (bpf_probe_read_user(&h, sizeof(h), (void *)msg))
			return 0;
		b.iov = (__u64)h.msg_iov;
		b.iovlen = h.msg_iovlen;
		if (nr == NR_sendmmsg || nr == NR_recvmmsg) {
			/* ret counts messages; of the first the bytes are looked at */
			struct user_mmsghdr *v = (void *)msg;
			unsigned int one;

			len = 0;
			for (int i = 0; i < USER_MESSAGES && i < ret; i++)
				if (!bpf_probe_read_user(&one, sizeof(one), &v[i].msg_len))
					len += one;
			if (!len)
				return 0;
		}
		break;
	case NR_sendfile:
		fd_bytes(SYSCALL_ARG0(regs), TX, len, &none);
		return 0;
	case NR_splice:
		fd_bytes(SYSCALL_ARG0(regs), RX, len, &none);
		fd_bytes(SYSCALL_ARG2(regs), TX, len, &none);
		return 0;
	default:
		return 0;
	}
	if (d == TX)
		fd_bytes(SYSCALL_ARG0(regs), TX, len, &b);
	else
		fd_bytes(SYSCALL_ARG0(regs), RX, len, &b);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_fd_state, struct sock *sk, int oldstate, int newstate)
{
	__u64 key = (__u64)sk;
	struct fd_conn *c;
	__u8 flags;

	if (!is_end(newstate))
		return 0;
	c = bpf_map_lookup_elem(&socket_fds, &key);
	if (!c)
		return 0;
	if (newstate != TCP_CLOSE) { /* whose sequence numbers count the FIN, too */
		struct seqs q = seqs_read(sk);

		fd_missed(c, sk, RX, received(&q, oldstate));
		fd_missed(c, sk, TX, q.written);
	}
	flags = newstate == TCP_CLOSE ? REC_CLOSED : REC_TX_EOF;
	if (sk->sk_err)
		flags |= REC_RESET;
	fd_ended(c, flags);
	if (newstate == TCP_CLOSE)
		bpf_map_delete_elem(&socket_fds, &key);
	return 0;
}

#endif

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What is done with the bytes of a connection in the variants that follow them in
 * the socket layer, and with those that a TLS library hands over. */
#ifndef __EBPFRECEIVER_SOCKET_LAYER_H
#define __EBPFRECEIVER_SOCKET_LAYER_H

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags,
			       struct bpf_dynptr *ptr__uninit) __ksym __weak;

/* Arguments of functions that are verified by themselves (Linux 6.9). */
#ifndef __arg_nonnull
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
#endif

#include "socket_source.h"
#include "socket_tls.h"
#include "socket_find.h"
#include "socket_login.h"

/* Notes bytes that are reported later, with their last eight. Fewer, which are
 * at look, follow those of the run before: a body's last chunk is five bytes. */
static __always_inline void passed_unseen(struct conn *c, int d, struct scratch *sc,
					  const __u8 *look, __u32 looked, __u32 len,
					  const struct source *src, __u64 now)
{
	__u64 *last = (__u64 *)c->last[d], bytes;
	__u32 had = c->last_len[d], drop;

	c->last_ts[d] = now;
	if (len >= 8) {
		c->last_len[d] = copy_last(d, c->last[d], sc, len, src);
		return;
	}
	__builtin_memcpy(&bytes, look, 8);
	if (looked < len) {
		*last = 0;
		c->last_len[d] = 0;
	} else if (had + len <= 8) {
		*last |= bytes << (8 * had & 63);
		c->last_len[d] = had + len;
	} else {
		drop = had + len - 8;
		*last = *last >> (8 * drop & 63) | bytes << (8 * (had - drop) & 63);
		c->last_len[d] = 8;
	}
}

/* The sequence numbers of a socket: after what was received and in order,
 * after what the process read of it, and after what it wrote. */
struct seqs {
	__u32 rcv_nxt;
	__u32 copied;
	__u32 written;
};

static __always_inline struct seqs seqs_of(const struct sock *sk)
{
	const struct tcp_sock *tp = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));

	return (struct seqs){tp->rcv_nxt, tp->copied_seq, tp->write_seq};
}

/* The sequence number after what the process received. A FIN that it read
 * counts as one there, and is not a byte. */
static __always_inline __u32 received(const struct seqs *q, int state)
{
	switch (state) {
	case TCP_FIN_WAIT2: /* on the way from there: the FIN has just come */
	case TCP_TIME_WAIT:
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK:
	case TCP_CLOSING:
		if (q->copied == q->rcv_nxt)
			return q->copied - 1;
	}
	return q->copied;
}

/* Looks again whether the process is observed. Its connection is forgotten if
 * it turned out not to be. */
static __always_inline bool decided(struct sock *sk, struct conn *c)
{
	switch (proc_state(c->tgid)) {
	case PROC_SELECTED:
		c->pending = 0;
		return true;
	case PROC_PENDING:
		return true;
	default:
		bpf_sk_storage_delete(&socket_conns, sk);
		return false;
	}
}

/* Which end of its connection a socket is, without a read that some kernels forbid. */
static __always_inline __u8 end_of(const struct sock *sk)
{
	const struct inet_connection_sock *icsk =
		bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct inet_connection_sock));

	if (bpf_core_field_exists(sk->sk_max_ack_backlog) && sk->sk_max_ack_backlog)
		return ROLE_SERVER;
	if (has_bind_hash(icsk) && icsk->icsk_bind_hash->fastreuse == CONNECT_CHOSE)
		return ROLE_CLIENT;
	return ROLE_UNKNOWN;
}

/* The connection's state, made when a selected process first uses it. Null
 * when nobody wants these bytes. typed: the kernel has casts. */
static __always_inline struct conn *conn_of(struct sock *sk, bool typed)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	__u32 tgid = pid_tgid >> 32;
	struct conn *c = bpf_sk_storage_get(&socket_conns, sk, 0, 0);
	__u64 start;

	if (c) {
		if (unlikely(c->state != S_TRACKED)) {
			tls_passes(c);
			return wants_hello(c) && (!c->pending || decided(sk, c)) ? c : 0;
		}
		if (c->tgid == tgid) {
			if (!c->pending || decided(sk, c))
				return c;
			return 0;
		}
		/* Passed on to another process, or inherited: it may not be selected. */
		if (!proc_captured(tgid, &start))
			return 0;
		tallies_end(c, ALL_TALLIES);
		c->tgid = tgid;
		c->start = start;
		c->pending = 1;
		c->host_sent = 0;
		return c;
	}
	/* Receiving is the same for all kinds of sockets. */
	if (!proc_captured(tgid, &start) || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	c = bpf_sk_storage_get(&socket_conns, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c) {
		count(C_LOST_STORAGE);
		return 0;
	}
	c->id = next_id();
	c->tgid = tgid;
	c->start = start;
	c->pending = 1;
	fill_address(c, sk);
	c->end = typed ? end_of(sk) : read_end(sk);
	return c;
}

/* Puts a record together from what is due of the connection before the
 * current segment, and the segment's first n bytes, and sends it. ready of
 * these are behind the stored request already. */
static __always_inline void send_segment(struct conn *c, int d, struct scratch *sc, __u32 seq,
					 __u32 len, __u32 n, __u32 ready, __u8 starts,
					 bool is_request, __u32 other_seq,
					 const struct source *src, __u64 now)
{
	struct rec *r = &sc->rec;
	struct bpf_dynptr mem;
	struct seg *s;
	__u32 off = 0, cap, lost = 0;
	bool unseen;
	__u64 size;

	/* A request after a stored one whose response the kernel skipped: that is
	 * between the two, and no response that follows is for the first. */
	unseen = is_request && c->stored.len && other_seq != c->stored_other;
	fill_rec(r, c, now, 0);
	if (!is_request)
		add_rest(r, c, d, seq);
	else if (!unseen)
		add_rest(r, c, !d, other_seq);
	if (c->stored.len) {
		s = next_seg(r);
		off = c->stored.cap;
		if (!s || off > STORED_MAX)
			return;
		*s = c->stored;
		lost = c->stored.starts;
		if (src->in_place) {
			if (!move(sc->data, c->request, off))
				return;
		} else if (bpf_dynptr_from_mem(c->request, STORED_MAX, 0, &mem) ||
			   bpf_dynptr_read(sc->data, off, &mem, 0, 0)) {
			return;
		}
		c->stored.len = 0;
	}
	if (unseen)
		add_rest(r, c, !d, other_seq);
	if (is_request)
		add_rest(r, c, d, seq);
	else
		add_rest(r, c, !d, other_seq);

	s = next_seg(r);
	if (!s || off > STORED_MAX)
		return;
	__builtin_memset(s, 0, sizeof(*s));
	if ((ready ? ready : n) < len && !(is_request && c->secret)) /* not to where the copy is */
		s->last_len = copy_last(d, s->last, sc, len, src);
	cap = ready;
	if (!cap)
		cap = copy_bytes(d, sc, AT_DATA + off, n, src);
	barrier_var(cap);
	if (cap > CAPTURE_MAX)
		return;
	if (n && !cap)
		count(C_UNREADABLE);
	s->start = s->end = now;
	s->pos = c->pos[d];
	s->len = len;
	s->seq = seq;
	s->tid = (__u32)bpf_get_current_pid_tgid();
	s->cap = cap;
	s->dir = d;
	s->starts = starts;
	if (is_request) {
		name_request(s, c);
		lost += starts;
	} else if (starts) {
		s->route = c->route;
	}
	c->pos[d] += len;
	c->next[d] = seq + len;

	count(C_SEEN);
	size = sizeof(*r) + off + cap;
	barrier_var(size);
	if (size > sizeof(*r) + STORED_MAX + CAPTURE_MAX)
		return; /* it is not: for verifiers that lost the bounds meanwhile */
	barrier_var(size);
	if (bpf_ringbuf_output(&socket_events, r, size, wakeup_flags())) {
		count(C_LOST_RING);
		if (lost)
			count_lost_starts(c->proto, lost);
		c->lost += lost;
	} else if (off) {
		c->host_sent = c->host_now;
		c->told = now;
	}
}

/* Sends the rest of a segment whose first part has been sent. */
static __always_inline void send_parts(struct conn *c, int d, struct scratch *sc, __u32 seq,
				       __u32 len, struct source *src, __u64 now)
{
	struct rec *r = &sc->rec;
	struct seg *s = &r->segs[0];
	__u32 n, cap;
	__u64 size;

	for (int i = 0; i < MAX_PARTS; i++) {
		len = forget(&sc->cell[0], len);
		if (!len)
			return;
		n = len < CAPTURE_MAX ? len : CAPTURE_MAX;
		cap = copy_bytes(d, sc, AT_DATA, n, src);
		barrier_var(cap);
		if (!cap || cap > CAPTURE_MAX) {
			count(C_UNREADABLE);
			return;
		}
		fill_rec(r, c, now, 0);
		r->nsegs = 1;
		__builtin_memset(s, 0, sizeof(*s));
		s->start = s->end = now;
		s->pos = c->pos[d];
		s->len = n;
		s->seq = seq;
		s->tid = (__u32)bpf_get_current_pid_tgid();
		s->cap = cap;
		s->dir = d;
		s->starts = 1;
		c->pos[d] += n;
		c->next[d] = seq + n;
		seq += n;
		len -= n;
		src->off += n;
		count(C_SEEN);
		size = sizeof(*r) + cap;
		barrier_var(size);
		if (size > sizeof(*r) + CAPTURE_MAX)
			return;
		barrier_var(size);
		if (bpf_ringbuf_output(&socket_events, r, size, wakeup_flags()))
			count(C_LOST_RING);
	}
}

/* Copies a small request to where it is kept until its response begins, so
 * that both travel in one record. Gives the number of bytes, 0 if it cannot be
 * kept. */
static __always_inline __u32 copy_request(struct conn *c, int d, struct scratch *sc, __u32 len,
					  const struct source *src)
{
	struct bpf_dynptr to;

	barrier_var(len);
	if (c->stored.len || len > STORED_MAX)
		return 0;
	__builtin_memset(c->request, 0, LOOK);
	if (d == RX && !src->in_place)
		return copy_skb_request(c, len, src->skb, src->off) == len ? len : 0;
	if (src->in_place && !src->given && src->at.base)
		return bpf_probe_read_user(c->request, len, (void *)(src->at.base + src->off)) ? 0 : len;
	if (copy_bytes(d, sc, AT_DATA, len, src) != len)
		return 0;
	if (src->in_place)
		return move(c->request, sc->data, len) ? len : 0;
	if (bpf_dynptr_from_mem(c->request, STORED_MAX, 0, &to) ||
	    bpf_dynptr_write(&to, 0, sc->data, len, 0))
		return 0;
	return len;
}

/* Copies what is likely the beginning of a response to its place in the
 * record, behind the stored request. */
static __always_inline __u32 copy_response(struct conn *c, int d, struct scratch *sc, __u32 off,
					   __u32 len, const struct source *src)
{
	__u32 most = segment_budget(c->proto, false, c->turn_bytes);

	barrier_var(off);
	if (off > STORED_MAX)
		return 0;
	__builtin_memset(sc->data + off, 0, LOOK);
	return copy_bytes(d, sc, AT_DATA + off, (len < most ? len : most) | (most == max_response ? HEAD_ONLY : 0), src);
}

/* Tells in a summary what is known of an exchange whose response is complete. */
static __always_inline bool summarize(struct conn *c, int d, struct scratch *sc, const __u8 *head,
				      __u32 n, __u32 len, const struct source *src, __u64 now)
{
	int status = scan_response((const struct head_bytes *)head, n, len, c);
	__u32 size = len - (status >> HEAD_SHIFT);
	__u64 last = 0;

	if (unlikely(!status))
		return false;
	if (unlikely(status & UP_TO_LAST_CHUNK)) {
		if (summary_wants & WANT_SIZES)
			return false;
		size = UNKNOWN_SIZE;
		if (copy_last(d, (__u8 *)&last, sc, len, src) != 8 ||
		    last >> 16 != WORD('\n', '0', '\r', '\n', '\r', '\n', 0, 0))
			return false;
	}
	if (!tallied(c, status & 0xffff, now))
		send_summary(c, sc, status & 0xffff, size, now);
	c->pos[!d] -= c->stored.len;
	c->stored.len = 0;
	return true;
}
#include "socket_http2.h"

/* Instead of a place in the scratch buffer: the bytes are where a request is kept. */
#define KEPT (1U << 16)

/* The place, which is up to STORED_MAX. It is masked where it is used, whatever register has it by then. */
static __always_inline __u8 *look_again(struct conn *c, struct scratch *sc, __u32 at)
{
	barrier_var(at);
	return at & KEPT ? c->request : sc->data + (at & (2 * STORED_MAX - 1));
}

/* True when the bytes are HTTP/2: then nothing was done with them. */
static __always_inline bool segment_of_turns(struct sock *sk, struct conn *c, int d, __u32 seq, __u32 len,
				    __u32 other_seq, struct source *src, bool accepted)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct scratch *sc;
	enum message m;
	bool is_request, one_at_a_time, fresh = false;
	__u32 which = SCRATCH_OF(c, d), n, looked, skip, ready = 0, at = 0, rest = 0, known, most;
	__u8 *look, starts, turn;

	if (unlikely(!c->known[d])) {
		c->known[d] = 1;
		c->next[d] = seq;
	}
	/* Seen before: a peek, or the rest of a send that was not taken at once. */
	skip = c->next[d] - seq;
	if (unlikely((__s32)skip > 0)) {
		if (unlikely(skip >= len)) {
			c->last_ts[d] = now;
			return false;
		}
		seq += skip;
		src->off += skip;
		len -= skip;
	}
	sc = bpf_map_lookup_elem(&socket_scratch, &which);
	if (!sc)
		return false;
	turn = c->last_dir != d + 1;
	c->last_dir = d + 1;
	is_request = (c->role == ROLE_SERVER) == (d == RX);
	one_at_a_time = c->proto != PROTO_UNKNOWN && takes_turns(c->proto);
	look = sc->data;

	/* What follows the other side's bytes most likely begins a message: it is
	 * copied to its place at once and looked at there. */
	if (turn && one_at_a_time) {
		if (is_request) {
			ready = copy_request(c, d, sc, len, src);
			look = c->request;
			at = KEPT;
		} else {
			at = c->stored.len ? c->stored.cap : 0;
			ready = copy_response(c, d, sc, at, len, src);
			barrier_var(at);
			if (at > STORED_MAX)
				return false;
			look = sc->data + at;
		}
	}
	looked = ready;
	if (unlikely(!ready)) {
		look = sc->data;
		at = 0;
		__builtin_memset(look, 0, LOOK);
		looked = copy_bytes(d, sc, AT_DATA, len < LOOK ? len : LOOK, src);
	}
	if (unlikely(c->role == ROLE_UNKNOWN)) {
		sc->told = other_seq;
		m = find_protocol(c, sc, d | turn << 1 | looked << LOOKED_SHIFT, len, seq);
		if (!m)
			return false;
		fresh = m & FRESH;
		is_request = (m & 0xff) == MSG_REQUEST;
		one_at_a_time = takes_turns(c->proto);
		turn = 1; /* what came before it, as a length read by itself, was none */
	} else if (unlikely(is_request && may_become_tls(c->proto) && is_handshake(look, looked))) {
		tls_upgrade(c, d);
		return false;
	}
	if (unlikely(is_upgrade(look, c->proto, is_request)) &&
	    !is_forbidden(rules_of(c->tgid, c->lport, c->rport), PROTO_HTTP2))
		c->proto = PROTO_HTTP2;
	if (unlikely(c->proto == PROTO_HTTP2))
		return true;
	known = (turn ? IS_TURN : 0) | (is_request ? IS_REQUEST : 0) | (fresh ? IS_FRESH : 0) |
		(one_at_a_time ? IN_TURNS : 0);
	known = judge(c, (const struct look *)look, len, known);
	/* The verifier would look at what follows once for each way that leads here. */
	known = forget(&sc->cell[0], known);
	ready = forget(&sc->cell[1], ready);
	at = forget(&sc->cell[2], at);
	turn = !!(known & IS_TURN);
	starts = !!(known & IS_START);
	is_request = known & IS_REQUEST;
	one_at_a_time = known & IN_TURNS;
	most = known & MOST;
	if (unlikely(!most)) {
		passed(c, d, now);
		return false;
	}
	if (unlikely(most & LOGIN)) {
		at = most & LOGIN_APART ? MYSQL_HEADER : 0;
		n = len < MYSQL_LOGIN_MOST ? len : MYSQL_LOGIN_MOST;
		sc->told = copy_bytes(d, sc, AT_DATA + at, n, src);
		send_login(c, sc, d | at, seq, len);
		passed(c, d, now);
		return false;
	}
	if (is_request) {
		c->turn_bytes = turn ? len : c->turn_bytes + len;
		if (unlikely(!turn && c->turn_bytes == len + 1) && one_at_a_time && c->role == ROLE_SERVER)
			goroutine_next(c->id, seq - 1, c->decided);
	}
	if (known & (IS_START | IS_FRESH) || is_rest(len, c->proto, turn))
		c->budget[d] = segment_budget(c->proto, is_request, c->turn_bytes);
	else
		ready = 0;
	n = len < c->budget[d] ? len : c->budget[d];
	if (n > most)
		n = most;
	if (unlikely(!n)) {
		if (is_request && c->secret)
			passed(c, d, now);
		else
			passed_unseen(c, d, sc, look_again(c, sc, at), looked, len, src, now);
		return false;
	}
	c->budget[d] -= n;
	if (is_request) {
		if (!starts || !one_at_a_time || n != len || seq != c->next[d])
			ready = 0;
		else if (!ready)
			ready = copy_request(c, d, sc, len, src);
		if (starts)
			begin_request(c, seq, ready, one_at_a_time);
		if (ready) {
			keep_request(c, d, seq, len, other_seq, now);
			passed(c, d, now);
			return false;
		}
	} else if (starts && one_at_a_time) {
		if (c->role == ROLE_SERVER && !(summary_wants & WANT_NO_PARENTS) && !(known & IS_INTERIM))
			c->route = thread_done(c->id);
		if (ready && accepted && may_summarize(c, now) && seq == c->next[d] &&
		    other_seq == c->next[!d] && summarize(c, d, sc, look_again(c, sc, at), ready, len, src, now)) {
			c->next[d] = seq + len;
			passed(c, d, now);
			return false;
		}
	}
	/* A send that may not fit is reported as far as it was copied; the rest
	 * shows in the socket's own counter when it was taken. */
	if (unlikely(n < len && is_packed(c->proto) && copy_whole(c, len, now))) {
		rest = len - n;
		len = n;
	}
	if (unlikely(!accepted))
		len = n;
	send_segment(c, d, sc, seq, len, n, ready, starts, is_request, other_seq, src, now);
	if (unlikely(rest)) {
		src->off += len;
		send_parts(c, d, sc, seq + len, rest, src, now);
	}
	passed(c, d, now);
	return false;
}

/* Takes the bytes of a segment. Until it is known that they are HTTP/2, they are
 * looked at as those of protocols that take turns. */
static __always_inline void segment(struct sock *sk, struct conn *c, int d, __u32 seq, __u32 len,
				    __u32 other_seq, struct source *src, bool accepted)
{
	__u32 off = src->off;

	if (c->proto != PROTO_HTTP2) {
		if (!segment_of_turns(sk, c, d, seq, len, other_seq, src, accepted))
			return;
		src->off = off;
	}
	segment_http2(c, d, seq, len, other_seq, src);
}

#include "socket_end.h"

#endif

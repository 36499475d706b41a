// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the two ends of an encrypted connection say in clear: of each direction the
 * first record, when that begins a handshake, without its header. It is sent once,
 * in as many pieces as the process reads it in. */
#ifndef __EBPFRECEIVER_SOCKET_HELLO_H
#define __EBPFRECEIVER_SOCKET_HELLO_H

/* After so many bytes of a client or a server no protocol changes to TLS that has a way of its
 * own to ask for that. */
#define UPGRADE_BY 512

/* How much of the record in sc->data, of which the header is all there, is wanted. */
static __always_inline __u32 hello_length(const struct scratch *sc)
{
	__u32 len = (__u32)sc->data[3] << 8 | sc->data[4];

	if (sc->data[0] != 22 || !is_tls_record(sc->data, 5))
		return 0;
	return len < HELLO_MAX ? len : HELLO_MAX;
}

/* Sends n bytes of a hello, which are in sc->data. */
static __noinline int send_hello(struct conn *c, int d, struct scratch *sc, __u32 n)
{
	struct rec *r = &sc->rec;
	struct seg *s = &r->segs[0];
	__u64 size;

	fill_rec(r, c, bpf_ktime_get_boot_ns(), REC_HELLO);
	r->conn = c->plain;
	r->nsegs = 1;
	__builtin_memset(s, 0, sizeof(*s));
	s->start = s->end = r->time;
	s->len = s->cap = n;
	s->dir = d;
	count(C_SEEN);
	size = sizeof(*r) + n;
	barrier_var(size);
	if (size > sizeof(*r) + HELLO_MAX)
		return 0;
	barrier_var(size);
	if (bpf_ringbuf_output(&socket_events, r, size, wakeup_flags()))
		count(C_LOST_RING);
	return 0;
}

/* Whether the bytes may begin a handshake: those of a connection of which nothing is known,
 * and of protocols that soon change to TLS. */
static __always_inline bool may_be_hello(const struct conn *c, int d)
{
	if (likely(c->role != ROLE_UNKNOWN))
		return unlikely(c->pos[d] <= UPGRADE_BY) && may_become_tls(c->proto) && c->proto != PROTO_HTTP1;
	return true;
}

/* Looks whether the kernel encrypts. If it does, nobody looks at bytes of the socket: what is sent
 * are records, in memory that is no process's, and what is received comes in buffers that name no
 * socket, and so not by here. */
static __always_inline void look_for_ktls(struct sock *sk, struct conn *c, int d)
{
	if (c->state == S_ENCRYPTED) {
		if (!wants_ktls(c))
			return;
		c->misses++;
	}
	if (likely(!has_ktls(sk)))
		return;
	if (c->role != ROLE_UNKNOWN)
		tls_upgrade(c, d);
	else if (c->state == S_TRACKED)
		tls_begin(c, d);
	tell_ktls(c);
}

/* Takes what is of the hellos among the bytes of a segment. 0: it is none of an encrypted
 * connection. */
static __always_inline int take_hello(struct conn *c, int d, __u32 seq, __u32 len, struct source *src)
{
	__u32 which, left, skip = 5, n;
	struct scratch *sc;

	d &= 1;
	which = SCRATCH_OF(c, d);
	if (c->state != S_TRACKED && !c->budget[d])
		return 1;
	sc = bpf_map_lookup_elem(&socket_scratch, &which);
	if (!sc)
		return 0;
	if (c->state == S_TRACKED) {
		n = len < 6 ? len : 6;
		if (copy_bytes(d, sc, AT_DATA, n, src) != n)
			return 0;
		if (n == 1) /* a server peeks, to tell TLS from what is not */
			return sc->data[0] == 22 && c->role == ROLE_UNKNOWN;
		if (!is_handshake(sc->data, n))
			return 0;
		if (c->role != ROLE_UNKNOWN)
			tls_upgrade(c, d);
		else
			tls_begin(c, d);
		if (!c->plain)
			return 1;
		c->budget[RX] = c->budget[TX] = HELLO_AWAITED;
	}
	left = c->budget[d];
	c->budget[d] = 0;
	if (left == HELLO_AWAITED) {
		if (len < 5 || copy_bytes(d, sc, AT_DATA, 5, src) != 5) {
			count(C_LOST_HELLO);
			return 1;
		}
		left = hello_length(sc);
	} else {
		skip = c->next[d] - seq; /* seen before, as in segment() */
		if ((__s32)skip < 0) {
			count(C_LOST_HELLO);
			return 1;
		}
		if (skip >= len) {
			c->budget[d] = left;
			return 1;
		}
	}
	c->next[d] = seq + skip;
	len -= skip;
	src->off += skip;
	if (!len || !left) { /* a header that is read by itself */
		c->budget[d] = left;
		return 1;
	}
	n = len < left ? len : left;
	barrier_var(n);
	if (n > HELLO_MAX)
		return 1;
	if (copy_bytes(d, sc, AT_DATA, n, src) != n) {
		count(C_LOST_HELLO);
		return 1;
	}
	c->budget[d] = left - n;
	c->next[d] += n;
	send_hello(c, d, sc, n);
	return 1;
}

/* The same, verified apart from what comes after. Each has only the ways to copy that its kernels
 * have. */
static __noinline int take_hello_here(struct conn *c, int d, __u32 seq, __u32 len, const struct source *from)
{
	struct source src = {.skb = from->skb, .msg = from->msg, .off = from->off};

	return take_hello(c, d, seq, len, &src);
}

static __noinline int take_hello_in_place(struct conn *c, int d, __u32 seq, __u32 len, const __u64 *from)
{
	struct source src = {.given = (const struct place *)from, .in_place = true, .off = from[4]};

	return take_hello(c, d, seq, len, &src);
}

/* Hands over the place by way of memory of its own: the stacks of all functions that call each
 * other must fit in 512 bytes, and most of that is the caller's. */
static __always_inline int take_hello_of(struct conn *c, int d, __u32 seq, __u32 len, const struct source *src)
{
	__u32 which = SCRATCH_OF(c, d);
	struct scratch *sc = bpf_map_lookup_elem(&socket_scratch, &which);

	if (!sc)
		return 0;
	sc->from[0] = src->at.base;
	sc->from[1] = src->at.iov;
	sc->from[2] = src->at.skip;
	sc->from[3] = src->at.n;
	sc->from[4] = src->off;
	return take_hello_in_place(c, d, seq, len, sc->from);
}

/* Takes the bytes of a socket. */
static __always_inline void socket_segment(struct sock *sk, struct conn *c, int d, __u32 seq,
					   __u32 len, __u32 other_seq, struct source *src,
					   bool accepted)
{
	if (unlikely(c->state == S_ENCRYPTED || may_be_hello(c, d))) {
		struct source copy; /* of src the compiler must go on to know all */
		int taken;

		if (src->in_place) {
			taken = take_hello_of(c, d, seq, len, src);
		} else {
			copy = *src;
			taken = take_hello_here(c, d, seq, len, &copy);
		}
		look_for_ktls(sk, c, d);
		if (taken || c->state != S_TRACKED)
			return;
	}
	segment(sk, c, d, seq, len, other_seq, src, accepted);
}

#endif

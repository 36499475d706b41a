// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Copies of a segment's bytes: from the packet that is received, from the message
 * that is sent, or from a place in the process's buffers. */
#ifndef __EBPFRECEIVER_SOCKET_SOURCE_H
#define __EBPFRECEIVER_SOCKET_SOURCE_H

/* Where the bytes of a segment are read from. */
struct source {
	const struct sk_buff *skb; /* receive */
	const struct msghdr *msg;  /* send */
	struct place at;	   /* instead of both: in the process's buffers */
	bool in_place;
	const struct place *given; /* the place, where that is in memory of its own */
	__u32 off;		   /* bytes to pass over in it */
};

static long gather_one(__u64 i, struct gather *g)
{
	const struct iovec *v = bpf_rdonly_cast(g->iov + i, bpf_core_type_id_kernel(struct iovec));

	return gather(g, (__u64)v->iov_base, v->iov_len);
}

static __always_inline bool is_ubuf(const struct msghdr *msg)
{
	return bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	       msg->msg_iter.iter_type == bpf_core_enum_value(enum iter_type, ITER_UBUF);
}

static __always_inline bool is_iovec(const struct msghdr *msg)
{
	return msg->msg_iter.iter_type == bpf_core_enum_value(enum iter_type, ITER_IOVEC);
}

/* Copies n bytes of the caller's buffers, off bytes into them, to the place at
 * in the scratch buffer. Gives the number copied: less if there are more than
 * MAX_IOVECS buffers, or if, with HEAD_ONLY in n, a buffer of its own holds the
 * head of a message. A function that is not static is verified once, not on each
 * path to it. */
__noinline int copy_from_user_iter(struct scratch *sc __arg_nonnull, __u32 at, __u32 n,
				   const struct msghdr *msg __arg_trusted, __u64 off)
{
	bool head_only = n & HEAD_ONLY;
	struct gather g = {};
	const struct iovec *v;
	__u8 *dst = (__u8 *)sc;
	const __u8 *base;
	__u64 segs, len;
	__u32 take;

	n &= ~HEAD_ONLY;
	if (n > CAPTURE_MAX || at > offsetof(struct scratch, data) + STORED_MAX)
		return 0;
	dst += at;
	g.dst = dst;
	g.n = n;
	g.skip = msg->msg_iter.iov_offset + off;
	if (is_ubuf(msg)) {
		base = msg->msg_iter.ubuf;
		if (bpf_probe_read_user(dst, n, base + g.skip))
			return 0;
		return n;
	}
	segs = msg->msg_iter.nr_segs;
	if (!is_iovec(msg) || !segs)
		return 0;
	/* Mostly the first buffer is all that is wanted. */
	g.iov = msg->msg_iter.__iov;
	v = bpf_rdonly_cast(g.iov, bpf_core_type_id_kernel(struct iovec));
	base = v->iov_base;
	len = v->iov_len;
	if (g.skip >= len) {
		g.skip -= len;
	} else {
		len -= g.skip;
		take = len < n ? len : n;
		barrier_var(take);
		if (take > CAPTURE_MAX || bpf_probe_read_user(dst, take, base + g.skip))
			return 0;
		if (take >= n)
			return take;
		if (head_only && take >= 16 && *(__u32 *)(dst + take - 4) == CRLFCRLF)
			return take;
		g.skip = 0;
		g.done = take;
	}
	if (segs > MAX_IOVECS)
		segs = MAX_IOVECS;
	g.iov++;
	bpf_loop(segs - 1, gather_one, &g, 0);
	if (g.done > CAPTURE_MAX)
		return 0;
	return g.done;
}

/* Copies the last eight bytes of the caller's buffers, if one of these holds
 * them all. */
static __always_inline bool copy_user_end(__u8 *dst, const struct msghdr *msg)
{
	__u64 off = msg->msg_iter.iov_offset, segs, len;
	const struct iovec *v;
	const __u8 *base;

	if (is_ubuf(msg)) {
		base = msg->msg_iter.ubuf;
		return !bpf_probe_read_user(dst, 8, base + off + msg->msg_iter.count - 8);
	}
	segs = msg->msg_iter.nr_segs;
	if (!is_iovec(msg) || !segs)
		return false;
	v = bpf_rdonly_cast(msg->msg_iter.__iov + (segs - 1), bpf_core_type_id_kernel(struct iovec));
	len = v->iov_len;
	if (len < (segs == 1 ? off : 0) + 8)
		return false;
	base = v->iov_base;
	return !bpf_probe_read_user(dst, 8, base + len - 8);
}

/* The same from a packet, without HEAD_ONLY. */
__noinline int copy_from_skb(struct scratch *sc __arg_nonnull, __u32 at, __u32 n,
			     const struct sk_buff *skb __arg_trusted, __u32 off)
{
	struct bpf_dynptr ptr;

	if (n > CAPTURE_MAX)
		n = CAPTURE_MAX;
	if (at > offsetof(struct scratch, data) + STORED_MAX ||
	    bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &ptr) ||
	    bpf_dynptr_read((__u8 *)sc + at, n, &ptr, off, 0))
		return 0;
	return n;
}

/* The same of a request, to where it is kept. */
__noinline int copy_skb_request(struct conn *c __arg_nonnull, __u32 n,
				const struct sk_buff *skb __arg_trusted, __u32 off)
{
	struct bpf_dynptr ptr;

	if (n > STORED_MAX || bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &ptr) ||
	    bpf_dynptr_read(c->request, n, &ptr, off, 0))
		return 0;
	return n;
}

/* Places in the scratch buffer. */
#define AT_LAST offsetof(struct scratch, last)
#define AT_DATA offsetof(struct scratch, data)

/* Copies the first n bytes of the segment to a place in the scratch buffer. */
static __always_inline __u32 copy_bytes(int d, struct scratch *sc, __u32 at, __u32 n,
					const struct source *src)
{
	struct place place;

	if (src->in_place && src->given)
		return copy_from_place(sc, at, n, src->given, src->off);
	if (src->in_place) {
		/* A copy: of src the compiler must go on to know all. */
		place = src->at;
		return copy_from_place(sc, at, n, &place, src->off);
	}
	if (d == TX)
		return copy_from_user_iter(sc, at, n, src->msg, src->off);
	return copy_from_skb(sc, at, n & ~HEAD_ONLY, src->skb, src->off);
}

/* The last eight bytes, so that the end of a chunked body can be seen though
 * the body was not copied. */
static __always_inline __u8 copy_last(int d, __u8 *dst, struct scratch *sc, __u32 len,
				      const struct source *src)
{
	struct source end = *src;

	if (len < 8)
		return 0;
	if (d == TX && !src->in_place && src->off + len == src->msg->msg_iter.count) {
		if (copy_user_end(dst, src->msg))
			return 8;
	}
	end.off += len - 8;
	if (copy_bytes(d, sc, AT_LAST, 8, &end) != 8)
		return 0;
	__builtin_memcpy(dst, sc->last, 8);
	return 8;
}

#endif

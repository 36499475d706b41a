// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The buffers of a process that the kernel copies to and from, as its
 * iterators give them, and copies of what is in there. */
#ifndef __EBPFRECEIVER_SOCKET_PLACE_H
#define __EBPFRECEIVER_SOCKET_PLACE_H

/* Buffers that are looked into, forwards and backwards. */
#define MAX_IOVECS 32
#define MAX_BACK 16

/* Set in the length of a copy: a buffer that ends with the head of a message is
 * enough, and what follows is its body. */
#define HEAD_ONLY (1U << 31)

struct gather {
	__u8 *dst;
	const struct iovec *iov;
	__u64 skip;
	__u32 done;
	__u32 n;
	bool head_only;
};

/* Takes what is wanted of one buffer; 1 when that was all. */
static __always_inline long gather(struct gather *g, __u64 base, __u64 len)
{
	__u64 skip = g->skip;
	__u32 done = g->done, take;

	if (skip >= len) {
		g->skip = skip - len;
		return 0;
	}
	len -= skip;
	if (done >= g->n || done >= CAPTURE_MAX)
		return 1;
	take = len < g->n - done ? len : g->n - done;
	barrier_var(take);
	if (take > CAPTURE_MAX)
		return 1;
	barrier_var(take);
	if (bpf_probe_read_user(g->dst + done, take, (void *)(base + skip)))
		return 1;
	g->done = done + take;
	g->skip = 0;
	return g->done >= g->n;
}

/* A position in a process's buffers. */
struct place {
	__u64 base; /* of the only buffer; 0: there is an array of them */
	__u64 iov;  /* where the array is, in kernel memory; 0: nowhere */
	__u64 skip; /* bytes of the first of these */
	__u64 n;    /* how many there are */
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* iov is __iov since 6.4. */
struct iov_iter___iov {
	const struct iovec *iov;
};

#pragma clang attribute pop

/* What an iterator holds. Its pointers are read when it is known which is there. */
struct at {
	const struct iov_iter *it;
	__u32 type;
	__u64 off;
	__u64 n;
};

/* An iterator that the verifier knows the type of. */
static __always_inline struct at at_of(const struct iov_iter *it)
{
	return (struct at){it, it->iter_type, it->iov_offset, it->nr_segs};
}

/* Any iterator. */
static __always_inline struct at at_read(const struct iov_iter *it)
{
	return (struct at){
		it,
		BPF_CORE_READ(it, iter_type),
		BPF_CORE_READ(it, iov_offset),
		BPF_CORE_READ(it, nr_segs),
	};
}

static __always_inline bool at_ubuf(const struct at *a)
{
	return bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	       a->type == bpf_core_enum_value(enum iter_type, ITER_UBUF);
}

/* Goes back in an array of buffers, until a place is back bytes further back.
 * Not inlined, so that the verifier looks at the loop only once. */
__noinline int walk_back(struct place *p, __u64 back)
{
	__u64 len;

	if (!p)
		return 0;
	for (int i = 0; i < MAX_BACK && p->skip < back; i++) {
		p->iov -= sizeof(struct user_iovec);
		if (bpf_probe_read_kernel(&len, sizeof(len), &((struct user_iovec *)p->iov)->iov_len))
			return 0;
		p->skip += len;
		p->n++;
	}
	if (p->skip < back)
		return 0;
	p->skip -= back;
	return 1;
}

/* Gives the place back bytes before where an iterator is: these the kernel has
 * just copied. Without a place if the memory is not a process's. */
static __always_inline struct place place_behind(const struct at *a, __u64 back)
{
	const struct iov_iter *it = a->it; /* CO-RE is for the kernel's structs */
	struct place p = {};

	if (at_ubuf(a)) {
		if (back <= a->off)
			p.base = (__u64)BPF_CORE_READ(it, ubuf) + a->off - back;
		return p;
	}
	if (a->type != bpf_core_enum_value(enum iter_type, ITER_IOVEC))
		return p;
	if (bpf_core_field_exists(it->__iov))
		p.iov = (__u64)BPF_CORE_READ(it, __iov);
	else
		p.iov = (__u64)BPF_CORE_READ((const struct iov_iter___iov *)it, iov);
	p.skip = a->off;
	p.n = a->n;
	if (!walk_back(&p, back))
		p.iov = 0;
	return p;
}

static long gather_read(__u64 i, struct gather *g)
{
	__u64 v[2];
	__u32 end;

	if (bpf_probe_read_kernel(v, sizeof(v), g->iov + i))
		return 1;
	if (gather(g, v[0], v[1]))
		return 1;
	/* The first one mostly holds the head of a message, and no more. */
	return i == 0 && g->head_only && v[1] >= 16 &&
	       !bpf_probe_read_user(&end, sizeof(end), (void *)(v[0] + v[1] - 4)) &&
	       end == CRLFCRLF;
}

/* What copy_from_user_iter is, from a place. It is verified by itself, also on
 * kernels that know nothing of its arguments but their size. */
__noinline int copy_from_place(struct scratch *sc, __u32 at, __u32 n, const struct place *p,
			       __u64 off)
{
	struct gather g = {};
	__u8 *dst = (__u8 *)sc;

	if (!sc || !p)
		return 0;
	g.head_only = n >> 31;
	n &= ~HEAD_ONLY;
	barrier_var(at);
	if (n > CAPTURE_MAX || at > offsetof(struct scratch, data) + STORED_MAX)
		return 0;
	barrier_var(at);
	dst += at;
	barrier_var(n);
	if (n > CAPTURE_MAX)
		return 0;
	barrier_var(n);
	if (p->base)
		return bpf_probe_read_user(dst, n, (void *)(p->base + off)) ? 0 : n;
	if (!p->iov)
		return 0;
	g.dst = dst;
	g.n = n;
	g.iov = (const struct iovec *)p->iov;
	g.skip = p->skip + off;
	bpf_loop(p->n < MAX_IOVECS ? p->n : MAX_IOVECS, gather_read, &g, 0);
	return g.done > CAPTURE_MAX ? 0 : g.done;
}

/* Copies a stored request from map to map, without a dynptr: before 6.3 one
 * cannot be made twice in a program. */
static __always_inline bool move(__u8 *dst, const __u8 *src, __u32 n)
{
	barrier_var(n);
	if (n > STORED_MAX)
		return false;
	barrier_var(n);
	return !bpf_probe_read_kernel(dst, n, src);
}

#endif

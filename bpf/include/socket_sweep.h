// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What quiet connections sent or were counted since they were last told of. User space asks the
 * kernel to go over them, in one of two ways: where the first is refused, there is the other. */
#ifndef __EBPFRECEIVER_SOCKET_SWEEP_H
#define __EBPFRECEIVER_SOCKET_SWEEP_H

#include "kernel/file.h"

static __always_inline void sweep_socket(struct sock *sk, struct conn *c)
{
	__u32 version = c->version;
	struct seqs q = seqs_of(sk);

	sweep(c, version, &q);
}

SEC("iter/bpf_sk_storage_map")
int socket_sweep(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct conn *c = ctx->value;
	struct sock *sk = ctx->sk;

	if (sk && c)
		sweep_socket(sk, c);
	return 0;
}

/* The same through the files that are open, for kernels whose vendor lets nobody visit the elements of maps. */
SEC("iter/task_file")
int socket_visit(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct socket *s;
	struct sock *sk;
	struct conn *c;

	if (!file)
		return 0;
	s = bpf_sock_from_file(file);
	if (!s)
		return 0;
	sk = s->sk;
	if (!sk)
		return 0;
	c = bpf_sk_storage_get(&socket_conns, sk, 0, 0);
	if (c)
		sweep_socket(sk, c);
	return 0;
}

static __always_inline void fd_sweep(struct fd_conn *c)
{
	__u64 now, last, from, len;
	struct rec *r;
	struct seg *s;
	int d;

	if (c->state == S_OPTED_OUT || c->role == ROLE_UNKNOWN)
		return;
	now = bpf_ktime_get_boot_ns();
	d = c->role == ROLE_SERVER ? TX : RX;
	if (d == TX) {
		from = c->reported[TX];
		len = c->pos[TX] - from;
		last = c->last_ts[TX];
	} else {
		from = c->reported[RX];
		len = c->pos[RX] - from;
		last = c->last_ts[RX];
	}
	if (!len || now - last < idle_ns)
		return;
	r = bpf_ringbuf_reserve(&socket_events, sizeof(*r), 0);
	if (!r)
		return;
	fill_fd_rec(r, c, now, REC_IDLE);
	s = &r->segs[0];
	__builtin_memset(s, 0, sizeof(*s));
	s->start = s->end = last;
	s->pos = from;
	s->len = len;
	s->dir = d;
	r->nsegs = 1;
	/* Written here too: a segment that comes just now is cut by its position. */
	if (d == TX)
		c->reported[TX] = from + len;
	else
		c->reported[RX] = from + len;
	count(C_SEEN);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

SEC("iter/bpf_map_elem")
int socket_fd_sweep(struct bpf_iter__bpf_map_elem *ctx)
{
	struct fd_conn *c = ctx->value;

	if (c)
		fd_sweep(c);
	return 0;
}

static long fd_sweep_one(struct bpf_map *map, const __u64 *key, struct fd_conn *c, void *unused)
{
	fd_sweep(c);
	return 0;
}

/* The same without an iterator: user space runs it. */
SEC("syscall")
int socket_fd_each(void *ctx)
{
	bpf_for_each_map_elem(&socket_fds, fd_sweep_one, 0, 0);
	return 0;
}

#endif

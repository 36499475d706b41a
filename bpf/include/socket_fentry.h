// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Variant "fentry": the functions behind the tracepoints of
 * "socket_tracepoints", for kernels before 6.16, with the same state in socket
 * storage. tcp_sendmsg_locked and skb_copy_datagram_iter run under the socket's
 * lock and have had the same arguments since 4.14 and 3.19; the functions above
 * them change theirs. Payload is read from the process's buffers, since a
 * received one cannot be read from the sk_buff before 6.12. Unix sockets are
 * followed as in "sys_exit", at the end of a call. */
#ifndef __EBPFRECEIVER_SOCKET_FENTRY_H
#define __EBPFRECEIVER_SOCKET_FENTRY_H

/* How many arguments the function has that a program runs at the end of: its result
 * follows them. Checked before the program is loaded (internal/compat). */
#define ARGUMENTS(n) __attribute__((btf_decl_tag("arguments:" #n)))

/* At the end of the copy to the process: it has the bytes, and copied_seq does
 * not count them yet. */
SEC("fexit/skb_copy_datagram_iter") ARGUMENTS(4)
int BPF_PROG(socket_fexit_receive, const struct sk_buff *skb, int offset, struct iov_iter *to,
	     int len, int ret)
{
	struct sock *sk = skb->sk;
	struct source src = {.in_place = true};
	struct conn *c;
	struct seqs q;
	struct at a;

	if (ret || !sk || len <= 0 || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	c = conn_of(sk, false);
	if (!c)
		return 0;
	q = seqs_read(sk);
	a = at_of(to);
	src.at = place_behind(&a, len);
	c->version++;
	socket_segment(sk, c, RX, ((struct tcp_skb_cb *)skb->cb)->seq + offset, len, q.written, &src, true);
	c->version++;
	return 0;
}

SEC("fentry/tcp_sendmsg_locked")
int BPF_PROG(socket_fentry_send, struct sock *sk, struct msghdr *msg, __u64 size)
{
	struct source src = {.in_place = true};
	__u8 state = sk->__sk_common.skc_state;
	struct conn *c;
	struct seqs q;
	struct at a;

	/* Fast Open: the connection has no sequence numbers yet. */
	if (!size || state == TCP_CLOSE)
		return 0;
	c = conn_of(sk, false);
	if (!c)
		return 0;
	q = seqs_read(sk);
	a = at_of(&msg->msg_iter);
	src.at = place_behind(&a, 0);
	if (size > 1 << 30)
		size = 1 << 30;
	c->version++;
	socket_segment(sk, c, TX, q.written, size, received(&q, state), &src, has_room(sk, size));
	c->version++;
	return 0;
}

/* What was taken of a send that might not have fitted. The tracepoint is hit
 * again for it, the function is not. */
SEC("fexit/tcp_sendmsg_locked") ARGUMENTS(3)
int BPF_PROG(socket_fexit_send, struct sock *sk, struct msghdr *msg, __u64 size, int ret)
{
	struct source src = {.in_place = true};
	struct scratch *sc;
	__u32 len, n, which = 2; /* not that of the program before it */
	struct conn *c;
	struct seqs q;
	struct at a;

	if (ret <= 0)
		return 0;
	c = bpf_sk_storage_get(&socket_conns, sk, 0, 0);
	if (!c || !is_followed(c) || !c->known[TX])
		return 0;
	q = seqs_read(sk);
	len = q.written - c->next[TX];
	if ((__s32)len <= 0 || len > ret)
		return 0;
	sc = bpf_map_lookup_elem(&socket_scratch, &which);
	if (!sc)
		return 0;
	a = at_of(&msg->msg_iter);
	src.at = place_behind(&a, len);
	c->version++;
	__builtin_memset(sc->data, 0, LOOK);
	n = len < 8 ? copy_bytes(TX, sc, AT_DATA, len, &src) : 8;
	passed_unseen(c, TX, sc, sc->data, n, len, &src, bpf_ktime_get_boot_ns());
	c->version++;
	return 0;
}

/* The kernel may encrypt from here on. What it decrypts is in buffers that name no socket, and what it
 * encrypts older kernels (6.1; not 6.18) send by no function above. */
SEC("fexit/tcp_set_ulp") ARGUMENTS(2)
int BPF_PROG(socket_fentry_ulp, struct sock *sk, const char *name, int ret)
{
	struct conn *c;

	if (ret)
		return 0;
	c = bpf_sk_storage_get(&socket_conns, sk, 0, 0);
	if (c && c->state == S_ENCRYPTED && wants_ktls(c) && has_ktls(sk))
		tell_ktls(c);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_fentry_state, struct sock *sk, int oldstate, int newstate)
{
	struct conn *c;
	struct seqs q;

	if (!is_end(newstate) || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	c = bpf_sk_storage_get(&socket_conns, sk, 0, 0);
	if (!c)
		return 0;
	tls_ends(c, newstate, sk->sk_err);
	if (!is_followed(c))
		return 0;
	q = seqs_read(sk);
	ended(c, &q, oldstate, newstate, sk->sk_err);
	return 0;
}

SEC("iter/bpf_sk_storage_map")
int socket_fentry_sweep(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct conn *c = ctx->value;
	struct sock *sk = ctx->sk;
	struct seqs q;
	__u32 version;

	if (!sk || !c)
		return 0;
	version = c->version;
	q = seqs_read(sk);
	sweep(c, version, &q);
	return 0;
}

/* What passed over a Unix socket in a call that is about to return. */
static __always_inline void unix_bytes(struct socket *sock, const struct msghdr *msg, int d, int ret)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct buffers b = {.in_kernel = true};
	struct sock *sk = sock->sk;
	struct fd_conn *c;
	struct place p;
	struct at a;

	if (ret <= 0 || !sk || proc_state(tgid) == PROC_IGNORED)
		return;
	c = fd_conn_of(sk, sock->file ? sock->file->f_inode->i_ino : 0, d, tgid);
	if (!c)
		return;
	a = at_of(&msg->msg_iter);
	p = place_behind(&a, ret);
	b.base = p.base;
	b.iov = p.iov;
	b.iovlen = p.n;
	b.skip = p.skip;
	fd_segment(c, d, (__u32)c->pos[d], ret, bpf_ktime_get_boot_ns(), &b, true);
}

SEC("fexit/unix_stream_sendmsg") ARGUMENTS(3)
int BPF_PROG(socket_unix_send, struct socket *sock, struct msghdr *msg, __u64 len, int ret)
{
	unix_bytes(sock, msg, TX, ret);
	return 0;
}

SEC("fexit/unix_stream_recvmsg") ARGUMENTS(4)
int BPF_PROG(socket_unix_receive, struct socket *sock, struct msghdr *msg, __u64 size, int flags,
	     int ret)
{
	if (!(flags & (MSG_PEEK | MSG_OOB)))
		unix_bytes(sock, msg, RX, ret);
	return 0;
}

SEC("fentry/unix_release")
int BPF_PROG(socket_unix_close, struct socket *sock)
{
	__u64 key = (__u64)sock->sk;
	struct fd_conn *c;

	if (!key)
		return 0;
	c = bpf_map_lookup_elem(&socket_fds, &key);
	if (!c)
		return 0;
	fd_ended(c, REC_CLOSED);
	bpf_map_delete_elem(&socket_fds, &key);
	return 0;
}

#endif

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Variant "socket_tracepoints": the tracepoints at which the TCP stack copies
 * payload, skb_copy_datagram_iovec (receive) and tcp_sendmsg_locked (send,
 * since 6.16, kernel commit 0f08335ade71), with the state in socket storage. */
#ifndef __EBPFRECEIVER_SOCKET_TRACEPOINTS_H
#define __EBPFRECEIVER_SOCKET_TRACEPOINTS_H

/* Whether all that is sent will be taken at once. */
static __always_inline bool has_room(const struct sock *sk, __u64 len)
{
	__s64 room = (__s64)sk->sk_sndbuf - sk->sk_wmem_queued;

	return room > (__s64)(len + len / 4);
}

SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(socket_receive, struct sk_buff *skb, int len)
{
	struct sock *sk = skb->sk;
	struct source src = {};
	struct conn *c;
	struct seqs q;
	__u32 seq, first;

	if (!sk || len <= 0)
		return 0;
	c = conn_of(sk, true);
	if (!c)
		return 0;
	q = seqs_of(sk);
	seq = q.copied;
	first = ((struct tcp_skb_cb *)skb->cb)->seq;
	src.skb = skb;
	if ((__s32)(first - seq) > 0)
		seq = first; /* a peek that went past the buffer before */
	else
		src.off = seq - first;
	c->version++;
	socket_segment(sk, c, RX, seq, len, q.written, &src, true);
	c->version++;
	return 0;
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(socket_send, struct sock *sk, const struct msghdr *msg)
{
	struct source src = {};
	struct conn *c;
	struct seqs q;
	__u64 len = msg->msg_iter.count;

	if (!len)
		return 0;
	c = conn_of(sk, true);
	if (!c)
		return 0;
	q = seqs_of(sk);
	src.msg = msg;
	if (len > 1 << 30)
		len = 1 << 30;
	c->version++;
	socket_segment(sk, c, TX, q.written, len, received(&q, sk->__sk_common.skc_state), &src, has_room(sk, len));
	c->version++;
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock *sk, int oldstate, int newstate)
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
	q = seqs_of(sk);
	ended(c, &q, oldstate, newstate, sk->sk_err);
	return 0;
}

#endif

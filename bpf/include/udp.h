// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the Instrument "tcp" counts of UDP: bytes, where a process's call has moved them,
 * and datagrams that a socket had no room for, which come in an interrupt. Whose the
 * socket is, is then what the last call on it, or the iterator over descriptors, told. */
#ifndef __EBPFRECEIVER_UDP_H
#define __EBPFRECEIVER_UDP_H

#define UDP_UNOWNED 3 /* in agg_counters: drops of sockets of which it is not known whose they are */

#define SOCK_BINDPORT_LOCK 8 /* in sk_userlocks: the process chose the port */

#define MSG_PEEK 0x2
#define MSG_ERRQUEUE 0x2000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock___userlocks {
	__u8 sk_userlocks; /* four bits of a field in some kernels */
};

struct socket___file {
	struct file *file;
};

struct inode___number {
	unsigned long i_ino;
};

#pragma clang attribute pop

struct udp_value {
	__u64 messages; /* sent and received */
	__u64 sent;	/* bytes */
	__u64 received;
	__u64 dropped; /* datagrams */
};

/* User space sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tcp_key);
	__type(value, struct udp_value);
} udp_values SEC(".maps");

/* For processes that found no space: one series for each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct tcp_key);
	__type(value, struct udp_value);
} udp_overflow SEC(".maps");

struct udp_socket {
	struct agg_owner owner;
	struct tcp_dims dims;
	__u64 ino; /* tells it from an earlier one at its address */
};

/* Sockets by their address. No tracepoint tells that one ends: those that are not used
 * are pushed out by others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct udp_socket);
} udp_sockets SEC(".maps");

static const struct udp_value udp_zero;

static __always_inline struct udp_value *udp_value_of(const struct agg_owner *owner, const struct tcp_dims *dims)
{
	struct tcp_key key = {.owner = *owner, .dims = *dims};
	struct udp_value *v;

	key.owner.stripe = agg_stripe();
	v = bpf_map_lookup_elem(&udp_values, &key);
	if (v || !agg_observed(&key.owner))
		return v;
	bpf_map_update_elem(&udp_values, &key, &udp_zero, BPF_NOEXIST);
	v = bpf_map_lookup_elem(&udp_values, &key);
	if (v)
		return v;
	__builtin_memset(&key.dims, 0, sizeof(key.dims));
	key.dims.role = TCP_ROLE_OVERFLOW;
	return agg_value(&udp_overflow, &key.owner, &udp_zero);
}

/* A process that chose its port serves there. Of others only the other end is told, and
 * that only of connected sockets: their own port is another one each time. */
static __always_inline void udp_describe(struct tcp_dims *d, const struct sock *sk)
{
	const struct sock___userlocks *s = (const void *)sk;
	__u16 peer = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));

	if (BPF_CORE_READ_BITFIELD_PROBED(s, sk_userlocks) & SOCK_BINDPORT_LOCK) {
		d->role = TCP_ROLE_SERVER;
		d->port = BPF_CORE_READ(sk, __sk_common.skc_num);
		if (server_peers && peer)
			address(d, sk);
		return;
	}
	d->role = TCP_ROLE_CLIENT;
	if (!peer)
		return;
	d->port = peer;
	address(d, sk);
}

static __always_inline __u64 udp_ino(const struct sock *sk)
{
	const struct socket___file *so = (const void *)BPF_CORE_READ(sk, sk_socket);
	const struct inode___number *inode = (const void *)BPF_CORE_READ(so, file, f_inode);

	return BPF_CORE_READ(inode, i_ino);
}

/* Notes whose a socket is. */
static __always_inline void udp_note(const struct sock *sk, const struct agg_owner *owner, const struct tcp_dims *dims)
{
	struct udp_socket fresh = {.owner = *owner, .dims = *dims};
	__u64 key = (__u64)sk;

	fresh.owner.stripe = 0;
	fresh.ino = udp_ino(sk);
	bpf_map_update_elem(&udp_sockets, &key, &fresh, BPF_ANY);
}

static __always_inline bool is_udp(const struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_UDP && BPF_CORE_READ(sk, sk_type) == SOCK_DGRAM;
}

static __always_inline void udp_moved(const struct sock *sk, __u64 sent, __u64 received)
{
	struct agg_owner owner = {};
	struct tcp_dims dims = {};
	struct udp_socket *known;
	struct udp_value *v;
	__u64 key = (__u64)sk;

	agg_owner_read(&owner, (void *)bpf_get_current_task());
	if (!agg_observed(&owner))
		return;
	udp_describe(&dims, sk);
	known = bpf_map_lookup_elem(&udp_sockets, &key);
	if (!known || known->owner.tgid != owner.tgid || known->owner.start != owner.start ||
	    known->dims.port != dims.port || known->dims.role != dims.role || known->ino != udp_ino(sk))
		udp_note(sk, &owner, &dims);
	v = udp_value_of(&owner, &dims);
	if (!v)
		return;
	agg_add(&v->messages, 1);
	if (sent)
		agg_add(&v->sent, sent);
	if (received)
		agg_add(&v->received, received);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(udp_send, const struct sock *sk, int ret)
{
	/* Calls over TCP come here, too. */
	if (sk->sk_protocol != IPPROTO_UDP || ret < 0 || !is_udp(sk))
		return 0;
	udp_moved(sk, ret, 0);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(udp_receive, const struct sock *sk, int ret, int flags)
{
	if (sk->sk_protocol != IPPROTO_UDP || ret < 0 || flags & (MSG_PEEK | MSG_ERRQUEUE) || !is_udp(sk))
		return 0;
	udp_moved(sk, 0, ret);
	return 0;
}

SEC("tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(udp_drop, int rc, struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct udp_socket *s = bpf_map_lookup_elem(&udp_sockets, &key);
	struct udp_value *v;

	if (!s || s->ino != udp_ino(sk)) {
		agg_count(UDP_UNOWNED);
		return 0;
	}
	v = udp_value_of(&s->owner, &s->dims);
	if (v)
		agg_add(&v->dropped, 1);
	return 0;
}

/* Of a socket that the iterator has found: it may drop before a process uses it again. */
static __always_inline void udp_found(const struct sock *sk, const struct task_struct *task)
{
	__u64 key = (__u64)sk;
	struct udp_socket *known = bpf_map_lookup_elem(&udp_sockets, &key);
	struct agg_owner owner = {};
	struct tcp_dims dims = {};

	if (known && known->ino == udp_ino(sk))
		return;
	agg_owner_read(&owner, task);
	udp_describe(&dims, sk);
	udp_note(sk, &owner, &dims);
}

#endif

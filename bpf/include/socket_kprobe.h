// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Variant "kprobe": the functions of the variant "fentry", for kernels that
 * refuse fentry (arm64 has had no trampolines before 6.4, some policies forbid
 * them). Programs of this kind reach neither socket storage nor typed memory:
 * the state is in a hash. A send is seen at its beginning only: the number of
 * return probes that can be pending is limited, and a send may block. */
#ifndef __EBPFRECEIVER_SOCKET_KPROBE_H
#define __EBPFRECEIVER_SOCKET_KPROBE_H

#include "kernel/address.h"

/* By the address of the socket's struct sock. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct conn);
} socket_hashed SEC(".maps");

/* Zeros: a new connection is too big for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct conn);
} socket_no_conn SEC(".maps");

/* A copy to a process that is under way, by thread. */
struct copy {
	__u64 to;
	__u64 sk;
	__u32 seq;
	__u32 len;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct copy);
} socket_copies SEC(".maps");

/* What conn_of does, with the hash. */
static __always_inline struct conn *hashed_conn_of(struct sock *sk)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), key = (__u64)sk, start;
	__u32 tgid = pid_tgid >> 32, zero = 0, state;
	struct conn *c = bpf_map_lookup_elem(&socket_hashed, &key), *none;

	if (c) {
		if (c->state != S_TRACKED) {
			tls_passes(c);
			return wants_hello(c) ? c : 0;
		}
		if (c->tgid == tgid) {
			if (!c->pending)
				return c;
			state = proc_state(tgid);
			c->pending = state == PROC_PENDING;
			if (state != PROC_IGNORED)
				return c;
			bpf_map_delete_elem(&socket_hashed, &key);
			return 0;
		}
		if (!proc_captured(tgid, &start))
			return 0;
		tallies_end(c, ALL_TALLIES);
		c->tgid = tgid;
		c->start = start;
		c->pending = 1;
		c->host_sent = 0;
		return c;
	}
	if (!proc_captured(tgid, &start))
		return 0;
	none = bpf_map_lookup_elem(&socket_no_conn, &zero);
	if (!none)
		return 0;
	if (bpf_map_update_elem(&socket_hashed, &key, none, BPF_NOEXIST)) {
		count(C_LOST_STORAGE);
		return 0;
	}
	c = bpf_map_lookup_elem(&socket_hashed, &key);
	if (!c)
		return 0;
	c->id = next_id();
	c->tgid = tgid;
	c->start = start;
	c->pending = 1;
	READ_ADDRESS(c, sk); /* as fill_address */
	c->end = read_end(sk);
	return c;
}

SEC("kprobe/skb_copy_datagram_iter")
int BPF_KPROBE(socket_kprobe_copy, const struct sk_buff *skb, int offset,
	       const struct iov_iter *to, int len)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct sock *sk = BPF_CORE_READ(skb, sk);
	struct copy copy = {.to = (__u64)to, .sk = (__u64)sk, .len = len};

	if (!sk || len <= 0 || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP ||
	    proc_state(thread >> 32) == PROC_IGNORED)
		return 0;
	bpf_probe_read_kernel(&copy.seq, sizeof(copy.seq), &((struct tcp_skb_cb *)skb->cb)->seq);
	copy.seq += offset;
	bpf_map_update_elem(&socket_copies, &thread, &copy, BPF_ANY);
	return 0;
}

SEC("kretprobe/skb_copy_datagram_iter")
int BPF_KRETPROBE(socket_kprobe_receive, int ret)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct copy *found = bpf_map_lookup_elem(&socket_copies, &thread), copy;
	struct source src = {.in_place = true};
	struct sock *sk;
	struct conn *c;
	struct seqs q;
	struct at a;

	if (!found)
		return 0;
	copy = *found;
	bpf_map_delete_elem(&socket_copies, &thread);
	if (ret)
		return 0;
	sk = (struct sock *)copy.sk;
	c = hashed_conn_of(sk);
	if (!c)
		return 0;
	q = seqs_read(sk);
	a = at_read((const struct iov_iter *)copy.to);
	src.at = place_behind(&a, copy.len);
	c->version++;
	socket_segment(sk, c, RX, copy.seq, copy.len, q.written, &src, true);
	c->version++;
	return 0;
}

SEC("kprobe/tcp_sendmsg_locked")
int BPF_KPROBE(socket_kprobe_send, struct sock *sk, struct msghdr *msg, __u64 size)
{
	struct source src = {.in_place = true};
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	struct conn *c;
	struct seqs q;
	struct at a;
	__s64 room;

	if (!size || state == TCP_CLOSE)
		return 0;
	c = hashed_conn_of(sk);
	if (!c)
		return 0;
	q = seqs_read(sk);
	a = at_read(&msg->msg_iter);
	src.at = place_behind(&a, 0);
	if (size > 1 << 30)
		size = 1 << 30;
	room = (__s64)BPF_CORE_READ(sk, sk_sndbuf) - BPF_CORE_READ(sk, sk_wmem_queued);
	c->version++;
	socket_segment(sk, c, TX, q.written, size, received(&q, state), &src, room > (__s64)(size + size / 4));
	c->version++;
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_kprobe_state, struct sock *sk, int oldstate, int newstate)
{
	__u64 key = (__u64)sk;
	struct conn *c;
	struct seqs q;

	if (!is_end(newstate))
		return 0;
	c = bpf_map_lookup_elem(&socket_hashed, &key);
	if (!c)
		return 0;
	tls_ends(c, newstate, sk->sk_err);
	if (is_followed(c)) {
		q = seqs_read(sk);
		ended(c, &q, oldstate, newstate, sk->sk_err);
	}
	if (newstate == TCP_CLOSE)
		bpf_map_delete_elem(&socket_hashed, &key);
	return 0;
}

/* A socket cannot go away without a change of its state, which removes it from
 * the hash; one that has just gone is known by its port. */
SEC("iter/bpf_map_elem")
int socket_kprobe_sweep(struct bpf_iter__bpf_map_elem *ctx)
{
	const __u64 *key = ctx->key;
	struct conn *c = ctx->value;
	struct sock *sk;
	struct seqs q;
	__u32 version;

	if (!key || !c)
		return 0;
	version = c->version;
	sk = (struct sock *)*key;
	q = seqs_read(sk);
	if (BPF_CORE_READ(sk, __sk_common.skc_num) == c->lport) {
		sweep(c, version, &q);
		/* Of what older kernels encrypt nothing passes by the programs above. */
		if (c->state == S_ENCRYPTED && wants_ktls(c) && has_ktls(sk))
			tell_ktls(c);
	}
	return 0;
}

#endif

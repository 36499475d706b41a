// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Instrument "tcp": connections of processes. Programs run when a connection
 * changes its state, not with its packets: bytes, retransmissions and round trips
 * are counters of the kernel's own, which an iterator over descriptors reads at each
 * collection, and the end of the connection a last time.
 *
 * Whose a connection is: the process that connects; of an accepted one, which comes
 * into being in an interrupt, the process in whose descriptors it is found, or the one
 * that closes it. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "include/aggregate.h"
#include "include/exphist.h"
#include "include/net.h"
#include "include/kernel/file.h"
#include "include/tcp.h"

#define TCP_SOCKETS_FULL 1 /* in agg_counters: sockets that tcp_sockets had no space for */
#define TCP_UNOWNED 2	   /* connections that ended before it was known whose they were */
/* 3 is UDP_UNOWNED */
#define TCP_FAILURES 4	   /* that were to be told of */
#define TCP_FAILURES_LIMITED 5 /* beyond the limit of records per second */
#define TCP_FAILURES_LOST 6    /* the ring had no space */

#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_LISTEN 10

#define EPIPE 32
#define ENETUNREACH 101
#define ECONNABORTED 103
#define ECONNRESET 104
#define ETIMEDOUT 110
#define ECONNREFUSED 111
#define EHOSTUNREACH 113

#define SAMPLE_APART 50000000 /* ns: a socket may be in several descriptors */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct tcp_sock___stats {
	__u64 bytes_received;
	__u64 bytes_acked;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u32 srtt_us; /* times 8 */
	__u32 total_retrans;
};

struct sock___drops {
	atomic_t sk_drops;
};

struct sock_common___flags {
	unsigned long skc_flags;
};

enum sock_flags {
	SOCK_DONE = 1, /* a FIN has come */
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

#pragma clang attribute pop

/* User space sets the sizes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tcp_key);
	__type(value, struct tcp_value);
} tcp_values SEC(".maps");

/* For processes that found no space: one series for each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct tcp_key);
	__type(value, struct tcp_value);
} tcp_overflow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct tcp_socket);
} tcp_sockets SEC(".maps");

/* Ports that somebody has listened on, by which a connection that is older than its
 * observation is known as a server's. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} tcp_listening SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10); /* 900 records: several seconds of the highest rate */
	__type(value, struct tcp_failure);
} tcp_failures SEC(".maps");

/* How many records were made in which second. */
struct tcp_window {
	__u64 second;
	__u64 records;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tcp_window);
} tcp_window SEC(".maps");

/* Records of connections that could not be opened, per second; 0: none. */
const volatile __u32 failure_rate = 0;

const volatile bool server_peers = false;
const volatile bool udp = true;

/* Set while nothing but listeners is looked for. */
volatile bool only_listeners = false;

static const struct tcp_value zero;

static __always_inline struct tcp_value *value_of(const struct tcp_socket *s)
{
	struct tcp_key key = {.owner = s->owner, .dims = s->dims};
	struct tcp_value *v;

	key.owner.stripe = agg_stripe();
	v = bpf_map_lookup_elem(&tcp_values, &key);
	if (v || !agg_observed(&key.owner))
		return v;
	bpf_map_update_elem(&tcp_values, &key, &zero, BPF_NOEXIST);
	v = bpf_map_lookup_elem(&tcp_values, &key);
	if (v)
		return v;
	__builtin_memset(&key.dims, 0, sizeof(key.dims));
	key.dims.role = TCP_ROLE_OVERFLOW;
	return agg_value(&tcp_overflow, &key.owner, &zero);
}

static __always_inline void own(struct tcp_socket *s, const struct task_struct *task)
{
	struct agg_owner owner = {};

	agg_owner_read(&owner, task);
	s->owner = owner;
	s->owner.stripe = 0;
	s->owned = 1;
}

static __always_inline void address(struct tcp_dims *d, const struct sock *sk)
{
	d->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (d->family == AF_INET)
		BPF_CORE_READ_INTO((__u32 *)d->addr, sk, __sk_common.skc_daddr);
	else
		BPF_CORE_READ_INTO((struct in6_addr *)d->addr, sk, __sk_common.skc_v6_daddr);
}

static __always_inline void describe(struct tcp_socket *s, const struct sock *sk, __u32 role)
{
	s->dims.role = role;
	if (role == TCP_ROLE_CLIENT) {
		address(&s->dims, sk);
		s->dims.port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
		return;
	}
	s->dims.port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (role != TCP_ROLE_LISTENER && server_peers)
		address(&s->dims, sk);
}

static __always_inline void keep(const struct sock *sk, const struct tcp_socket *s)
{
	__u64 key = (__u64)sk;

	if (bpf_map_update_elem(&tcp_sockets, &key, s, BPF_ANY))
		agg_count(TCP_SOCKETS_FULL);
}

static __always_inline void listens(const struct sock *sk)
{
	__u32 port = BPF_CORE_READ(sk, __sk_common.skc_num);
	__u8 one = 1;

	bpf_map_update_elem(&tcp_listening, &port, &one, BPF_ANY);
}

static __always_inline __u32 guess_role(const struct sock *sk)
{
	__u32 port = BPF_CORE_READ(sk, __sk_common.skc_num);

	return bpf_map_lookup_elem(&tcp_listening, &port) ? TCP_ROLE_SERVER : TCP_ROLE_CLIENT;
}

/* Counts that it began, once it is known whose it is. */
static __always_inline void begin(struct tcp_socket *s, struct tcp_value *v)
{
	if (s->fresh)
		agg_add(&v->accepted, 1);
	s->fresh = 0;
	if (s->open == 1)
		agg_add(&v->begun, 1);
	s->open = 2;
}

/* Bytes that came. The kernel counts the FIN as one, as sequence numbers do. */
static __always_inline __u64 received_of(const struct sock *sk)
{
	__u64 n = BPF_CORE_READ((const struct tcp_sock___stats *)sk, bytes_received);
	unsigned long flags = BPF_CORE_READ((const struct sock_common___flags *)sk, skc_flags);

	if (n && flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DONE)))
		n--;
	return n;
}

/* Counts what the kernel has counted since the last time. */
static __always_inline void advance(struct tcp_socket *s, const struct sock *sk, struct tcp_value *v)
{
	const struct tcp_sock___stats *tp = (const void *)sk;
	__u64 sent = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
	__u64 received = received_of(sk);
	__u32 retransmits = BPF_CORE_READ(tp, total_retrans);

	if (sent > s->sent && sent < 1ULL << 62) {
		agg_add(&v->sent, sent - s->sent);
		s->sent = sent;
	}
	if (received > s->received) {
		agg_add(&v->received, received - s->received);
		s->received = received;
	}
	if (retransmits > s->retransmits) {
		agg_add(&v->retransmits, retransmits - s->retransmits);
		s->retransmits = retransmits;
	}
}

static __always_inline void sample(struct tcp_socket *s, const struct sock *sk, struct tcp_value *v)
{
	const struct tcp_sock___stats *tp = (const void *)sk;
	__u64 srtt = BPF_CORE_READ(tp, srtt_us);

	if (srtt)
		exp_duration_record(&v->rtt, srtt * 1000 / 8);
}

static __always_inline void drops(struct tcp_socket *s, const struct sock *sk, struct tcp_value *v)
{
	__u32 now = BPF_CORE_READ((const struct sock___drops *)sk, sk_drops.counter);

	if (now > s->drops)
		agg_add(&v->dropped, now - s->drops);
	s->drops = now;
}

static __always_inline __u32 class_of(__u32 error)
{
	switch (error) {
	case 0: return TCP_E_CANCELLED;
	case ECONNREFUSED: return TCP_E_REFUSED;
	case ETIMEDOUT: return TCP_E_TIMEDOUT;
	case EHOSTUNREACH: return TCP_E_HOST_UNREACHABLE;
	case ENETUNREACH: return TCP_E_NET_UNREACHABLE;
	case ECONNRESET: return TCP_E_RESET;
	}
	return TCP_E_OTHER;
}

/* The end of a connection, or of a listener, whose owner is known. */
static __always_inline void finish(struct tcp_socket *s, const struct sock *sk)
{
	struct tcp_value *v = value_of(s);

	if (!v)
		return;
	if (s->dims.role == TCP_ROLE_LISTENER) {
		drops(s, sk, v);
		return;
	}
	begin(s, v);
	advance(s, sk, v);
	sample(s, sk, v);
	agg_add(&v->ended, 1);
	if (s->error == ECONNRESET || s->error == EPIPE)
		agg_add(&v->aborted_reset, 1);
	else if (s->error == ETIMEDOUT)
		agg_add(&v->aborted_timeout, 1);
	else if (s->error == ECONNABORTED)
		agg_add(&v->aborted_self, 1);
}

static __always_inline void connecting(const struct sock *sk)
{
	struct tcp_socket s = {};

	own(&s, (void *)bpf_get_current_task());
	describe(&s, sk, TCP_ROLE_CLIENT);
	s.began = bpf_ktime_get_ns();
	keep(sk, &s);
}

static __always_inline void connected(struct tcp_socket *s)
{
	struct tcp_value *v = value_of(s);

	s->open = 1;
	if (!v)
		return;
	agg_add(&v->opened, 1);
	begin(s, v);
	exp_duration_record(&v->connect, bpf_ktime_get_ns() - s->began);
}

static __always_inline void tell_failure(const struct tcp_socket *s, __u32 error)
{
	struct tcp_failure f = {.error = error, .dims = s->dims};
	struct tcp_window *w;
	__u64 second;
	__u32 zero = 0;

	agg_count(TCP_FAILURES);
	w = bpf_map_lookup_elem(&tcp_window, &zero);
	if (!w)
		return;
	f.time = bpf_ktime_get_boot_ns();
	second = f.time / 1000000000;
	/* Another processor may do so, too, and a record more be made. */
	if (w->second != second) {
		w->second = second;
		w->records = 0;
	}
	if (w->records >= failure_rate) {
		agg_count(TCP_FAILURES_LIMITED);
		return;
	}
	__sync_fetch_and_add(&w->records, 1);
	f.duration = bpf_ktime_get_ns() - s->began;
	f.start = s->owner.start;
	f.tgid = s->owner.tgid;
	if (bpf_ringbuf_output(&tcp_failures, &f, sizeof(f), 0))
		agg_count(TCP_FAILURES_LOST);
}

static __always_inline void failed(struct tcp_socket *s, const struct sock *sk)
{
	struct tcp_value *v = value_of(s);
	__u32 error = BPF_CORE_READ(sk, sk_err), class = class_of(error);

	if (!v)
		return;
	if (failure_rate)
		tell_failure(s, error);
	if (class < TCP_ERRORS)
		agg_add(&v->failed[class], 1);
	advance(s, sk, v);
}

static __always_inline void state_changed(const struct sock *sk, int from, int to)
{
	__u64 key = (__u64)sk;
	struct tcp_socket *s, fresh = {};

	if (to == TCP_SYN_SENT) {
		connecting(sk);
		return;
	}
	if (to == TCP_LISTEN) {
		own(&fresh, (void *)bpf_get_current_task());
		describe(&fresh, sk, TCP_ROLE_LISTENER);
		keep(sk, &fresh);
		listens(sk);
		return;
	}
	if (from == TCP_SYN_RECV && to == TCP_ESTABLISHED) {
		describe(&fresh, sk, TCP_ROLE_SERVER);
		fresh.open = 1;
		fresh.fresh = 1;
		keep(sk, &fresh);
		return;
	}
	s = bpf_map_lookup_elem(&tcp_sockets, &key);
	if (!s)
		return;
	if (from == TCP_SYN_SENT) {
		if (to == TCP_ESTABLISHED) {
			connected(s);
		} else if (to == TCP_CLOSE) {
			failed(s, sk);
			bpf_map_delete_elem(&tcp_sockets, &key);
		}
		return;
	}
	/* It is the process that begins to close. */
	if (!s->owned && (to == TCP_LAST_ACK || to == TCP_FIN_WAIT1))
		own(s, (void *)bpf_get_current_task());
	if (to != TCP_CLOSE)
		return;
	s->error = BPF_CORE_READ(sk, sk_err);
	/* Nobody said farewell: the kernel counts it among the resets, too. */
	if (!s->error && (from == TCP_ESTABLISHED || from == TCP_CLOSE_WAIT) && s->dims.role != TCP_ROLE_LISTENER)
		s->error = ECONNABORTED;
	if (!s->owned) {
		s->closed = 1;
		return;
	}
	finish(s, sk);
	bpf_map_delete_elem(&tcp_sockets, &key);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state, const struct sock *sk, const int from, const int to)
{
	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP)
		state_changed(sk, from, to);
	return 0;
}

/* A socket that was closed by the other end lives until its process lets it go. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroy, const struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct tcp_socket *s = bpf_map_lookup_elem(&tcp_sockets, &key);

	if (!s)
		return 0;
	if (!s->owned && s->closed)
		own(s, (void *)bpf_get_current_task());
	if (s->owned)
		finish(s, sk);
	else
		agg_count(TCP_UNOWNED);
	bpf_map_delete_elem(&tcp_sockets, &key);
	return 0;
}

#include "include/udp.h"

/* What the kernel has counted for open connections, of all network namespaces. */
SEC("iter/task_file")
int tcp_visit(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct tcp_socket *s, found = {};
	struct tcp_value *v;
	struct sock *sk;
	__u64 key, now;
	__u8 state;

	if (!task || !file || (file->f_inode->i_mode & S_IFMT) != S_IFSOCK)
		return 0;
	sk = BPF_CORE_READ((struct socket *)file->private_data, sk);
	if (!sk)
		return 0;
	if (udp && !only_listeners && is_udp(sk)) {
		udp_found(sk, task);
		return 0;
	}
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP || BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
		return 0;
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state == TCP_LISTEN)
		listens(sk);
	else if (only_listeners)
		return 0;
	key = (__u64)sk;
	s = bpf_map_lookup_elem(&tcp_sockets, &key);
	if (!s) {
		const struct tcp_sock___stats *tp = (const void *)sk;

		/* It is older than its observation: what follows is counted. */
		if (state == TCP_CLOSE || state == TCP_SYN_SENT || state == TCP_SYN_RECV)
			return 0;
		own(&found, task);
		describe(&found, sk, state == TCP_LISTEN ? TCP_ROLE_LISTENER : guess_role(sk));
		if (state == TCP_LISTEN) {
			found.drops = BPF_CORE_READ((const struct sock___drops *)sk, sk_drops.counter);
		} else {
			found.open = 1;
			found.sent = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
			found.received = received_of(sk);
			found.retransmits = BPF_CORE_READ(tp, total_retrans);
		}
		keep(sk, &found);
		s = bpf_map_lookup_elem(&tcp_sockets, &key);
		if (!s)
			return 0;
	}
	if (!s->owned)
		own(s, task);
	if (s->closed || state == TCP_SYN_SENT)
		return 0;
	v = value_of(s);
	if (!v)
		return 0;
	if (state == TCP_LISTEN) {
		drops(s, sk, v);
		return 0;
	}
	begin(s, v);
	advance(s, sk, v);
	now = bpf_ktime_get_ns();
	if (now - s->sampled > SAMPLE_APART) {
		s->sampled = now;
		sample(s, sk, v);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

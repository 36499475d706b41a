// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The Instrument "dns": messages that selected processes exchange with servers'
 * ports over UDP, at the end of the system call that moved them. There are no
 * tracepoints that see datagrams with their addresses; at the end of the call
 * all is in the process's memory, on every kernel and however it was received. */
#include "include/vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "include/dns.h"
#include "include/net.h"
#include "include/kernel/fd.h"
#include "include/kernel/syscall.h"
#include "include/rules.h"

/* Buffers of one message that are looked into, and messages of one call: a
 * resolver sends two at once, servers receive up to 20. */
#define IOVECS 4
#define MESSAGES 32

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
	__type(value, struct dns_event);
} dns_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, C_MAX);
	__type(key, __u32);
	__type(value, __u64);
} dns_counters SEC(".maps");

/* Where a record is put together. Half of the data is never filled: a copy may
 * begin and be as long as the mask allows. */
struct dns_scratch {
	struct dns_event event;
	__u8 data[2 * DNS_CAPTURE_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dns_scratch);
} dns_scratch SEC(".maps");

const volatile __u16 ports[DNS_PORTS] = {53};
const volatile __u32 max_capture = 512;
const volatile __u64 wakeup_bytes = 256 << 10;

/* Where the bytes and the address of one message are. */
struct message {
	__u64 base; /* of one buffer, or 0 */
	__u64 iov;  /* of an array of them */
	__u64 iovlen;
	__u64 name; /* 0 without */
	__u32 len;
};

/* struct sockaddr_in and sockaddr_in6 as user space lays them out. */
struct address {
	__u16 family;
	__be16 port;
	union {
		__u8 v4[4];
		struct {
			__u32 flowinfo;
			__u8 v6[16];
		};
	};
};

static __always_inline void count(enum dns_counter which, __u64 add)
{
	__u32 key = which;
	__u64 *n = bpf_map_lookup_elem(&dns_counters, &key);

	if (n)
		__sync_fetch_and_add(n, add);
}

static __always_inline bool is_port(__u16 port)
{
	if (!port)
		return false;
	for (int i = 0; i < DNS_PORTS; i++)
		if (ports[i] == port)
			return true;
	return false;
}

/* Copies up to n bytes of a message, n below DNS_CAPTURE_MAX. */
static __always_inline __u32 copy_message(__u8 *dst, __u32 n, const struct message *m)
{
	__u32 done = 0;

	n &= DNS_CAPTURE_MAX - 1;
	if (m->base)
		return bpf_probe_read_user(dst, n, (void *)m->base) ? 0 : n;
	for (int i = 0; i < IOVECS; i++) {
		const struct user_iovec *from = (const struct user_iovec *)m->iov + i;
		struct user_iovec v;
		__u32 take;

		if (i >= m->iovlen || done >= n)
			break;
		if (bpf_probe_read_user(&v, sizeof(v), from))
			break;
		take = n - done;
		if (v.iov_len < take)
			take = v.iov_len;
		barrier_var(take);
		barrier_var(done);
		take &= DNS_CAPTURE_MAX - 1; /* in words that old verifiers know */
		done &= DNS_CAPTURE_MAX - 1;
		if (bpf_probe_read_user(dst + done, take, (void *)v.iov_base))
			break;
		done += take;
	}
	return done;
}

/* The other end, where the call says it; else that of a connected socket. */
static __always_inline void remote_address(struct dns_event *e, struct sock *sk, __u64 name)
{
	struct address a;
	__u16 family;

	e->rfamily = 0;
	e->rport = 0;
	__builtin_memset(e->raddr, 0, 16);
	if (name) {
		__builtin_memset(&a, 0, sizeof(a));
		if (bpf_probe_read_user(&a, 8, (void *)name))
			return;
		if (a.family == AF_INET) {
			__builtin_memcpy(e->raddr, a.v4, 4);
		} else if (a.family == AF_INET6) {
			if (bpf_probe_read_user(&a, sizeof(a), (void *)name))
				return;
			__builtin_memcpy(e->raddr, a.v6, 16);
		} else {
			return;
		}
		e->rfamily = a.family;
		e->rport = bpf_ntohs(a.port);
		return;
	}
	e->rport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (!e->rport)
		return;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	e->rfamily = family;
	if (family == AF_INET)
		BPF_CORE_READ_INTO((__u32 *)e->raddr, sk, __sk_common.skc_daddr);
	else
		BPF_CORE_READ_INTO(&e->raddr, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
}

/* Reports one message, of which the record holds already what is the same for
 * all of a call. */
static __noinline int report(struct dns_scratch *sc, struct sock *sk, const struct message *m)
{
	struct dns_event *e = &sc->event;
	__u64 flags = BPF_RB_NO_WAKEUP;
	__u32 n;

	if (m->len < DNS_HEADER)
		return 0;
	remote_address(e, sk, m->name);
	if (!is_port(e->lport) && !is_port(e->rport))
		return 0;
	count(C_SEEN, 1);
	n = max_capture;
	if (n > DNS_CAPTURE_MAX - 1)
		n = DNS_CAPTURE_MAX - 1;
	if (m->len < n)
		n = m->len;
	n = copy_message(sc->data, n, m);
	if (n < DNS_HEADER) {
		count(C_UNREADABLE, 1);
		return 0;
	}
	e->len = m->len;
	barrier_var(n);
	n &= DNS_CAPTURE_MAX - 1;
	e->cap = n;
	if (bpf_ringbuf_query(&dns_events, BPF_RB_AVAIL_DATA) >= wakeup_bytes)
		flags = BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_output(&dns_events, e, sizeof(*e) + n, flags))
		count(C_LOST_RING, 1);
	return 0;
}

/* Fills in what is the same for all messages of a call. */
static __always_inline void begin(struct dns_event *e, struct sock *sk, int dir, __u64 ino, __u64 start)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	__builtin_memset(e, 0, sizeof(*e));
	e->time = bpf_ktime_get_boot_ns();
	e->start = start;
	e->ino = ino;
	e->tgid = pid_tgid >> 32;
	e->tid = (__u32)pid_tgid;
	e->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	e->dir = dir;
	e->lport = BPF_CORE_READ(sk, __sk_common.skc_num);
	e->lfamily = family;
	if (family == AF_INET)
		BPF_CORE_READ_INTO((__u32 *)e->laddr, sk, __sk_common.skc_rcv_saddr);
	else
		BPF_CORE_READ_INTO(&e->laddr, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
}

static __always_inline void from_header(struct message *m, const struct user_msghdr *h)
{
	m->base = 0;
	m->iov = (__u64)h->msg_iov;
	m->iovlen = h->msg_iovlen;
	m->name = h->msg_namelen ? (__u64)h->msg_name : 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(dns_sys_exit, struct pt_regs *regs, long ret)
{
	long nr = SYSCALL_NR(regs);
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, zero = 0;
	__u64 vector = 0, ino = 0, start;
	struct message m = {};
	struct dns_scratch *sc;
	struct user_msghdr h;
	struct sock *sk;
	int dir = DNS_TX;

	if (ret <= 0)
		return 0;
	switch (nr) {
	case NR_recvfrom:
	case NR_read:
		dir = DNS_RX;
		/* fallthrough */
	case NR_sendto:
	case NR_write:
		if (ret < DNS_HEADER)
			return 0;
		break;
	case NR_recvmsg:
	case NR_recvmmsg:
	case NR_readv:
		dir = DNS_RX;
		/* fallthrough */
	case NR_sendmsg:
	case NR_sendmmsg:
	case NR_writev:
		break;
	default:
		return 0;
	}
	if (proc_state(tgid) == PROC_IGNORED)
		return 0;
	sk = sock_of(SYSCALL_ARG0(regs), SOCK_DGRAM, &ino);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_UDP)
		return 0;
	m.len = ret;
	switch (nr) {
	case NR_read:
	case NR_write:
		m.base = SYSCALL_ARG1(regs);
		break;
	case NR_recvfrom:
	case NR_sendto:
		if (dir == DNS_RX && SYSCALL_ARG3(regs) & MSG_PEEK)
			return 0;
		m.base = SYSCALL_ARG1(regs);
		m.name = SYSCALL_ARG4(regs);
		break;
	case NR_readv:
	case NR_writev:
		m.iov = SYSCALL_ARG1(regs);
		m.iovlen = SYSCALL_ARG2(regs);
		break;
	case NR_recvmsg:
	case NR_sendmsg:
		if (dir == DNS_RX && SYSCALL_ARG2(regs) & MSG_PEEK)
			return 0;
		if (bpf_probe_read_user(&h, sizeof(h), (void *)SYSCALL_ARG1(regs)))
			return 0;
		from_header(&m, &h);
		break;
	default:
		if (dir == DNS_RX && SYSCALL_ARG3(regs) & MSG_PEEK)
			return 0;
		vector = SYSCALL_ARG1(regs);
	}
	sc = bpf_map_lookup_elem(&dns_scratch, &zero);
	if (!sc || !proc_captured(tgid, &start) || is_forbidden(rules_of(tgid, 0, 0), PROTO_DNS))
		return 0;
	begin(&sc->event, sk, dir, ino, start);
	if (!vector) {
		report(sc, sk, &m);
		return 0;
	}
	for (int i = 0; i < MESSAGES; i++) {
		const struct user_mmsghdr *v = (void *)vector;
		struct user_mmsghdr one;

		if (i >= ret)
			return 0;
		if (bpf_probe_read_user(&one, sizeof(one), v + i))
			return 0;
		from_header(&m, &one.msg_hdr);
		m.len = one.msg_len;
		report(sc, sk, &m);
	}
	if (ret > MESSAGES && (is_port(sc->event.lport) || is_port(sc->event.rport)))
		count(C_LOST_BATCH, ret - MESSAGES);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

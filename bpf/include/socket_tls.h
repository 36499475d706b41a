// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Encrypted connections. The socket's programs recognize a TLS record, look into
 * the bytes no more, and note for each thread which of such connections it used
 * last. When the Daemon "tls" runs, they make a second connection for the
 * plaintext, with the same addresses, which the programs of that Daemon find
 * by what the thread has used. */
#ifndef __EBPFRECEIVER_SOCKET_TLS_H
#define __EBPFRECEIVER_SOCKET_TLS_H

/* Set by user space while the Daemon "tls" runs: 0, or a number that differs from the
 * one before. Of a plaintext that was followed under another number a part was not
 * seen. */
__u8 tls_followed = 0;

/* Of a process whose library was not looked into for a while a part was not seen, too: a number
 * to add. The Daemon "tls" keeps it; what does not fit it leaves attached. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} tls_gaps SEC(".maps");

/* Set by user space while there are any. */
__u8 tls_gapped = 0;

static __always_inline __u8 tls_epoch(__u32 tgid)
{
	__u8 *gap;

	if (!unlikely(tls_gapped))
		return tls_followed;
	gap = bpf_map_lookup_elem(&tls_gaps, &tgid);
	return tls_followed + (gap ? *gap : 0);
}

/* Plaintext connections by their number. As many as connections elsewhere; they
 * leave when the socket is closed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct conn);
} tls_conns SEC(".maps");

/* The numbers of plaintext connections by their sockets, for libraries whose objects tell
 * which socket they use. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address);
	__type(value, __u64);
} tls_sockets SEC(".maps");

/* Nothing more comes of a plaintext connection. */
static __always_inline void tls_delete(const struct conn *c, __u64 id)
{
	bpf_map_delete_elem(&tls_sockets, &c->address);
	bpf_map_delete_elem(&tls_conns, &id);
}

/* Where a new one is put together, by direction as in socket_scratch. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct conn);
} tls_fresh SEC(".maps");

/* The plaintext connection of the socket that a thread used last. */
struct tls_thread {
	__u64 last;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tls_thread);
} tls_threads SEC(".maps");

/* Processes that were seen to use TLS, until user space has looked for their
 * library. It looks several times a second; what does not fit is found by its next
 * connection. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} tls_processes SEC(".maps");

/* The header of a record: its type, the version, and a length of at most 2^14 +
 * 2048 (RFC 5246 section 6.2.3, RFC 8446 section 5.2). */
static __always_inline bool is_tls_record(const __u8 *b, __u32 n)
{
	return n >= 5 && b[0] >= 20 && b[0] <= 23 && b[1] == 3 && b[2] <= 4 &&
	       ((__u32)b[3] << 8 | b[4]) <= 16384 + 2048;
}

/* The same of a record with a handshake, as far as that is in the segment: many
 * servers read the header by itself. A ClientHello has the type 1. */
static __always_inline bool is_handshake(const __u8 *b, __u32 n)
{
	return b[0] == 22 && is_tls_record(b, n) && (n == 5 || b[5] == 1);
}

/* Protocols that change to TLS on a connection under way. */
static __always_inline bool may_become_tls(enum proto proto)
{
	return proto == PROTO_POSTGRESQL || proto == PROTO_MYSQL || proto == PROTO_HTTP1 ||
	       proto == PROTO_NATS;
}

/* In the budget of an encrypted connection's direction: its first record is to come.
 * Else that is what is still wanted of this record. */
#define HELLO_AWAITED (~0U)

/* Libraries hand a connection over to the kernel when its handshake ends. That is looked for in
 * so many segments: those of a handshake with a long chain of certificates, and more. Of an
 * encrypted connection misses counts them. */
#define KTLS_LOOKS 40

static __always_inline bool wants_ktls(const struct conn *c)
{
	return c->plain && c->misses < KTLS_LOOKS;
}

static __always_inline bool wants_hello(const struct conn *c)
{
	return c->state == S_ENCRYPTED && (c->budget[RX] | c->budget[TX] || wants_ktls(c));
}

/* Whether the kernel has been asked to encrypt what passes over the socket (kTLS). */
static __always_inline bool has_ktls(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)sk;
	const struct tcp_ulp_ops *ops = BPF_CORE_READ(icsk, icsk_ulp_ops);
	__u32 name = 0;

	if (likely(!ops))
		return false;
	BPF_CORE_READ_INTO(&name, ops, name);
	return name == FOUR('t', 'l', 's', 0);
}

/* Makes the connection of the plaintext. */
__noinline int tls_open(struct conn *c, __u32 d)
{
	__u64 now = bpf_ktime_get_boot_ns(), id;
	struct conn *fresh;
	__u32 tgid;

	if (!c)
		return 0;
	d &= 1;
	fresh = bpf_map_lookup_elem(&tls_fresh, &d);
	if (!fresh)
		return 0;
	id = next_id();
	fresh->id = id;
	fresh->start = c->start;
	fresh->tgid = tgid = c->tgid;
	fresh->state = S_PLAINTEXT;
	fresh->pending = 1;
	fresh->address = c->address;
	fresh->end = c->end;
	if (bpf_map_update_elem(&tls_conns, &id, fresh, BPF_NOEXIST)) {
		count(C_LOST_STORAGE);
		return 0;
	}
	bpf_map_update_elem(&tls_sockets, &fresh->address, &id, BPF_ANY);
	c->plain = id;
	c->epoch = tls_epoch(tgid);
	c->misses = 0; /* of a new plaintext it is told anew */
	bpf_map_update_elem(&tls_processes, &tgid, &now, BPF_NOEXIST);
	return 0;
}

/* Tells that nothing more comes of a connection. */
__noinline int tell_end(struct conn *c, __u32 flags)
{
	struct rec *r;

	if (!c)
		return 0;
	count(C_SEEN);
	r = bpf_ringbuf_reserve(&socket_events, sizeof(*r), 0);
	if (r) {
		fill_rec(r, c, bpf_ktime_get_boot_ns(), flags);
		bpf_ringbuf_submit(r, wakeup_flags());
	} else {
		count(C_LOST_RING);
	}
	return 0;
}

/* Gives up a plaintext of which a part was not seen. */
__noinline int tls_forget(struct conn *c)
{
	struct conn *p;
	__u64 id;

	if (!c)
		return 0;
	id = c->plain;
	c->plain = 0;
	p = bpf_map_lookup_elem(&tls_conns, &id);
	if (!p)
		return 0;
	if (p->stored.len)
		count_lost_starts(p->proto, p->stored.starts);
	tallies_end(p, ALL_TALLIES);
	if (p->role != ROLE_UNKNOWN)
		tell_end(p, REC_CLOSED | REC_LEFT);
	tls_delete(p, id);
	return 0;
}

/* Notes that the thread used this plaintext connection last. */
static __always_inline void tls_used(__u64 plain)
{
	struct tls_thread *t;

	t = bpf_task_storage_get(&tls_threads, bpf_get_current_task_btf(), 0,
				 BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (t)
		t->last = plain;
}

/* Notes that the thread sends or receives on the connection. */
__noinline int tls_note(struct conn *c)
{
	if (!c)
		return 0;
	if (unlikely(c->plain && c->epoch != tls_epoch(c->tgid)))
		tls_forget(c);
	if (unlikely(!c->plain))
		tls_open(c, RX);
	tls_used(c->plain);
	return 0;
}

/* Tells that the kernel encrypts: a hello without a byte. */
__noinline int tell_ktls(struct conn *c)
{
	struct rec *r;
	struct seg *s;

	if (!c)
		return 0;
	c->misses = KTLS_LOOKS;
	c->budget[RX] = c->budget[TX] = 0;
	if (!c->plain)
		return 0;
	count(C_SEEN);
	r = bpf_ringbuf_reserve(&socket_events, sizeof(*r), 0);
	if (!r) {
		count(C_LOST_RING);
		return 0;
	}
	fill_rec(r, c, bpf_ktime_get_boot_ns(), REC_HELLO);
	r->conn = c->plain;
	r->nsegs = 1;
	s = &r->segs[0];
	__builtin_memset(s, 0, sizeof(*s));
	s->start = s->end = r->time;
	bpf_ringbuf_submit(r, wakeup_flags());
	return 0;
}

static __always_inline void tls_passes(struct conn *c)
{
	if (c->state == S_ENCRYPTED && tls_followed)
		tls_note(c);
}

/* Takes a connection for an encrypted one from its first record on. */
static __always_inline void tls_begin(struct conn *c, int d)
{
	c->state = S_ENCRYPTED;
	c->stored.len = 0;
	c->misses = 0;
	c->budget[RX] = c->budget[TX] = 0;
	if (!tls_followed) {
		count(C_OPTED_OUT);
		return;
	}
	tls_open(c, d);
	tls_used(c->plain);
}

/* The same for one that spoke a protocol before: for that it ends here. */
__noinline int tls_upgrade(struct conn *c, __u32 d)
{
	if (!c)
		return 0;
	tallies_end(c, ALL_TALLIES);
	tell_end(c, REC_CLOSED);
	c->role = ROLE_UNKNOWN;
	c->proto = PROTO_UNKNOWN;
	tls_begin(c, d);
	return 0;
}

#endif

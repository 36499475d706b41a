// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What is done with plaintext, whatever program found it. */
#ifndef __EBPFRECEIVER_TLS_H
#define __EBPFRECEIVER_TLS_H

enum tls_counter {
	T_JOINED,   /* runs of plaintext, taken for segments of a connection */
	T_FILTERED, /* of processes that are not observed any more */
	T_UNJOINED, /* lost: no connection is known to carry them */
	T_BUSY,	    /* lost: all scratch buffers were in use */
	T_STORAGE,  /* lost: no memory for what a thread does */
	T_MAX,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, T_MAX);
	__type(key, __u32);
	__type(value, __u64);
} tls_counters SEC(".maps");

static __always_inline void tls_count(enum tls_counter which)
{
	__u32 key = which;
	__u64 *n = bpf_map_lookup_elem(&tls_counters, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
}

/* The object by which a library knows a connection, as SSL *. */
struct tls_key {
	__u64 object;
	__u64 tgid;
};

/* Which plaintext connection an object belongs to. What falls out is found anew by
 * what its thread uses. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct tls_key);
	__type(value, __u64);
} tls_objects SEC(".maps");

struct tls_slots {
	__u32 busy[SCRATCHES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tls_slots);
} tls_slots SEC(".maps");

/* Takes a scratch buffer for the connection. They are numbered from 1; 0: none is
 * free. The number goes by way of memory, so that the verifier does not look at what
 * follows once for each. */
__noinline int take_slot(struct conn *c)
{
	__u32 zero = 0;
	struct tls_slots *s = bpf_map_lookup_elem(&tls_slots, &zero);

	if (!s || !c)
		return 0;
#pragma unroll
	for (int i = 0; i < SCRATCHES; i++) {
		if (__sync_val_compare_and_swap(&s->busy[i], 0, 1) == 0) {
			c->slot = i;
			return 1;
		}
	}
	return 0;
}

static __always_inline void give_slot(struct conn *c)
{
	__u32 zero = 0;
	struct tls_slots *s = bpf_map_lookup_elem(&tls_slots, &zero);

	if (s)
		__sync_lock_test_and_set(&s->busy[c->slot & (SCRATCHES - 1)], 0);
}

/* Notes that the object belongs to a plaintext connection, which c is of the number id. */
static __always_inline void tls_own(struct conn *c, __u64 id, const struct tls_key *key, __u64 known)
{
	c->owner = key->object;
	if (id != known)
		bpf_map_update_elem(&tls_objects, key, &id, BPF_ANY);
}

/* The connection that an object belongs to is settled when it is first used, by the
 * encrypted socket that the thread used last: within the same call, or, where a
 * program moves the records itself, just before. It stays so until the socket sends
 * no more; then the memory may be another connection's object. Gives its number, or
 * id, which was known before, if there is no better one. */
__noinline __u64 tls_join(__u64 object, __u64 id)
{
	struct tls_key key = {.object = object, .tgid = bpf_get_current_pid_tgid() >> 32};
	struct tls_thread *t = bpf_task_storage_get(&tls_threads, bpf_get_current_task_btf(), 0, 0);
	struct conn *c;
	__u64 last;

	if (!t)
		return id;
	last = t->last;
	c = bpf_map_lookup_elem(&tls_conns, &last);
	if (!c || (c->owner && c->owner != object))
		return id;
	tls_own(c, last, &key, id);
	return last;
}

/* Its number as far as it is known. */
static __always_inline __u64 tls_known(__u64 object, __u32 tgid)
{
	struct tls_key key = {.object = object, .tgid = tgid};
	__u64 *known = bpf_map_lookup_elem(&tls_objects, &key);

	return known ? *known : 0;
}

/* Whether the connection's process is observed. */
static __always_inline bool tls_captured(struct conn *c, __u32 tgid)
{
	__u64 start;

	if (c->tgid != tgid) { /* passed on */
		if (!proc_captured(tgid, &start))
			return false;
		c->tgid = tgid;
		c->start = start;
		c->pending = 1;
		c->host_sent = 0;
	}
	if (!c->pending)
		return true;
	switch (proc_state(tgid)) {
	case PROC_SELECTED:
		c->pending = 0;
		return true;
	case PROC_PENDING:
		return true;
	default:
		return false;
	}
}

/* A library's way to find an object's connection when it is used first, as tls_join. */
typedef __u64 (*tls_joiner)(__u64 object, __u64 id);

/* The object's connection; null when none is known. */
static __always_inline struct conn *tls_conn_of(__u64 object, __u32 tgid, const struct tls_thread *t,
						tls_joiner join)
{
	struct conn *c;
	__u64 id;

	/* Mostly the one that the thread used last, as a socket or for its plaintext. */
	if (t) {
		id = t->last;
		c = bpf_map_lookup_elem(&tls_conns, &id);
		if (c && c->owner == object && !c->fin_sent)
			return c;
	}
	id = tls_known(object, tgid);
	c = bpf_map_lookup_elem(&tls_conns, &id);
	if (c && !c->fin_sent)
		return c;
	id = join(object, id);
	return bpf_map_lookup_elem(&tls_conns, &id);
}

/* The thread that a uprobe hit, as far as that is known. A library is attached to once, for all
 * processes: of those that are not observed nothing is read. */
struct hitting {
	struct tls_thread *t;
	__u32 tgid;
	bool ignored;
};

static __always_inline struct hitting hitting(void)
{
	struct hitting h = {.tgid = bpf_get_current_pid_tgid() >> 32};

	h.t = bpf_task_storage_get(&tls_threads, bpf_get_current_task_btf(), 0, 0);
	/* A thread that has used no such socket is mostly one of a process that is
	 * not observed. */
	h.ignored = !h.t && proc_state(h.tgid) == PROC_IGNORED;
	return h;
}

/* The connection for a run of plaintext, with a scratch buffer; null when it goes
 * nowhere. */
static __always_inline struct conn *plaintext_conn(const struct hitting *h, __u64 object,
						   tls_joiner join)
{
	struct conn *c = tls_conn_of(object, h->tgid, h->t, join);

	if (!c) {
		tls_count(T_UNJOINED);
		return 0;
	}
	if (!tls_captured(c, h->tgid)) {
		tls_count(T_FILTERED);
		return 0;
	}
	if (!take_slot(c)) {
		tls_count(T_BUSY);
		return 0;
	}
	tls_count(T_JOINED);
	return c;
}

/* Takes a run of plaintext, at buf in the process's memory. */
static __always_inline void plaintext_by(tls_joiner join, const struct hitting *h, __u64 object, int d,
					 __u64 buf, __u64 len)
{
	struct source src = {.in_place = true};
	__u32 n = len, seq, other;
	struct conn *c;

	if (!len || len > 1 << 30)
		return;
	c = plaintext_conn(h, object, join);
	if (!c)
		return;
	src.at.base = buf;
	seq = c->passed[d];
	other = c->passed[!d];
	c->version++;
	segment(0, c, d, seq, n, other, &src, true);
	c->passed[d] = seq + n;
	c->version++;
	give_slot(c);
}

static __always_inline void plaintext(const struct hitting *h, __u64 object, int d, __u64 buf, __u64 len)
{
	plaintext_by(tls_join, h, object, d, buf, len);
}

static __always_inline void plaintext_sweep(struct conn *c)
{
	__u32 version = c->version;
	struct seqs q = {0, c->passed[RX], c->passed[TX]};

	sweep(c, version, &q);
}

/* What socket_sweep is for plaintext. */
SEC("iter/bpf_map_elem")
int tls_sweep(struct bpf_iter__bpf_map_elem *ctx)
{
	struct conn *c = ctx->value;

	if (c)
		plaintext_sweep(c);
	return 0;
}

static long plaintext_sweep_one(struct bpf_map *map, const void *key, struct conn *c, void *unused)
{
	plaintext_sweep(c);
	return 0;
}

/* The same without an iterator: user space runs it. */
SEC("syscall")
int tls_each(void *ctx)
{
	bpf_for_each_map_elem(&tls_conns, plaintext_sweep_one, 0, 0);
	return 0;
}

#endif

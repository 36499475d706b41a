// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Metrics in the kernel. Exchanges that could be told in summaries are counted in the state of
 * their connection instead, where that is enough: a histogram of their durations for each method,
 * status, version and route. It lies in cache then, needs no map and no lock of its own, and costs no
 * record. User space gets it once in a while, from the sweep and at the end.
 *
 * The numbers only grow, as long as a histogram has its number: so it does no harm when the ring
 * is full, and the sweep, which runs beside the other programs, need not take anything back. */
#ifndef __EBPFRECEIVER_SOCKET_TALLY_H
#define __EBPFRECEIVER_SOCKET_TALLY_H

#include "socket_conn.h"

/* Upper bounds of the buckets in ns, inclusive; set by user space. The last bucket has none. */
const volatile __u64 tally_bounds[TALLY_BOUNDS] = {};

/* How long what is new waits for the sweep; nothing when the last one is near. */
__u64 tally_ns = 1000000000;

/* One that was not added to for so long gives way to another one. */
#define TALLY_STALE 1000000000ULL

/* What a histogram is of: a number of its own is above that. */
#define TALLY_KEY ((1ULL << 48) - 1)
#define TALLY_NUMBER(key) ((key) >> 48)

/* A histogram as user space gets it. It is told apart by its size. */
struct tally_record {
	__u64 conn;
	__u64 process; /* its start, boot time, ns */
	__u64 key;
	__u32 tgid;
	__u32 told; /* what count was when it was told last */
	__u32 slot; /* its place in the connection */
	__u32 pad;
	struct tally now;
};

const struct tally_record *tally_record_type __attribute__((unused)); /* for generated code */

/* How many exchanges of one were told. */
static __always_inline __u32 tally_was(__u64 told, __u64 key)
{
	return told >> 32 == TALLY_NUMBER(key) ? (__u32)told : 0;
}

static __always_inline __u64 tally_told(__u64 key, __u32 count)
{
	return TALLY_NUMBER(key) << 32 | count;
}

static __always_inline void fill_tally(struct tally_record *r, const struct conn *c, __u32 slot,
				       __u64 key, __u32 was)
{
	r->conn = c->id;
	r->process = c->start;
	r->key = key;
	r->tgid = c->tgid;
	r->told = was;
	r->slot = slot;
	r->pad = 0;
	__builtin_memcpy(&r->now, &c->tallies[slot], sizeof(r->now));
}

#define ALL_TALLIES ((1U << TALLIES) - 1)

/* Tells what some of a connection's histograms, a bit for each, have come to: for the last time,
 * before it ends or becomes another one. */
__noinline int tallies_end(struct conn *c, __u32 which)
{
	struct tally_record *r;
	struct tally *t;
	__u64 key;
	__u32 was;

	if (!c)
		return 0;
	for (int i = 0; i < TALLIES; i++) {
		key = c->tally_keys[i];
		if (!key || !(which & 1U << i))
			continue;
		t = &c->tallies[i];
		was = tally_was(c->tally_told[i], key);
		c->tally_keys[i] = 0;
		if (t->count == was)
			continue;
		count(C_SEEN);
		r = bpf_ringbuf_reserve(&socket_events, sizeof(*r), 0);
		if (!r) {
			count(C_LOST_RING);
			count_lost_starts(PROTO_HTTP1, t->count - was);
			continue;
		}
		fill_tally(r, c, i, key, was);
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	}
	return 0;
}

/* Finds the histogram for a key; TALLIES when all are in use for others. */
static __always_inline __u32 tally_of(struct conn *c, __u64 key, __u64 now)
{
	__u32 found = TALLIES;
	__u64 has;

#pragma unroll
	for (int i = 0; i < TALLIES; i++)
		if ((c->tally_keys[i] & TALLY_KEY) == key)
			found = i;
	if (likely(found < TALLIES))
		return found;
#pragma unroll
	for (int i = TALLIES - 1; i >= 0; i--) {
		has = c->tally_keys[i];
		if (!has || now - c->tallies[i].last > TALLY_STALE)
			found = i;
	}
	if (found >= TALLIES)
		return TALLIES;
	tallies_end(c, 1 << found);
	found &= TALLIES - 1;
	__builtin_memset(&c->tallies[found], 0, sizeof(struct tally));
	c->tallies[found].first = c->stored.start;
	c->tallies[found].min = ~0ULL;
	if (!++c->tally_number)
		c->tally_number = 1;
	c->tally_keys[found] = key | (__u64)c->tally_number << 48;
	return found;
}

/* Counts the exchange whose response is complete. 0: it is to be told by itself. */
__noinline int tally_exchange(struct conn *c, __u32 status, __u64 now)
{
	__u64 took, key;
	struct tally *t;
	__u32 i, b;

	if (!c)
		return 0;
	key = status | (__u64)c->route << 16 | (__u64)c->method << 32 | (__u64)c->minor << 40;
	i = tally_of(c, key, now);
	if (unlikely(i >= TALLIES))
		return 0;
	t = &c->tallies[i & (TALLIES - 1)];
	took = now - c->stored.start;
	for (b = 0; b < TALLY_BOUNDS; b++)
		if (took <= tally_bounds[b])
			break;
	t->counts[b & TALLY_BOUNDS_MASK]++;
	t->count++;
	t->sum += took;
	if (took < t->min)
		t->min = took;
	if (took > t->max)
		t->max = took;
	t->last = now;
	return 1;
}

/* Tells what is new in a connection. It runs beside the other programs: see sweep(). */
static __always_inline void tallies_sweep(struct conn *c, __u32 version)
{
	__u64 now = bpf_ktime_get_boot_ns(), key, told;
	struct tally_record *r;
	__u32 n;

	if (now - c->tallied < tally_ns)
		return;
#pragma unroll
	for (int i = 0; i < TALLIES; i++) {
		key = c->tally_keys[i];
		told = c->tally_told[i];
		n = c->tallies[i].count;
		if (!key || !n || told == tally_told(key, n))
			continue;
		r = bpf_ringbuf_reserve(&socket_events, sizeof(*r), 0);
		if (!r)
			return; /* tried again by the next sweep */
		fill_tally(r, c, i, key, tally_was(told, key));
		if (c->version != version) {
			bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
			return;
		}
		c->tally_told[i] = tally_told(key, r->now.count);
		c->tallied = now;
		count(C_SEEN);
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	}
}

#endif

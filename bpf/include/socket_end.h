// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Where a connection, or a long response, ends. */
#ifndef __EBPFRECEIVER_SOCKET_END_H
#define __EBPFRECEIVER_SOCKET_END_H

/* Reports the end of a connection, or of sending on it. */
static __always_inline void ended(struct conn *c, const struct seqs *q, int oldstate, int newstate,
				  bool failed)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u8 flags = newstate == TCP_CLOSE ? REC_CLOSED : REC_TX_EOF, starts;
	__u32 sent;
	struct rec *r;
	struct seg *s;
	struct {
		struct rec rec;
		__u8 data[STORED_MAX];
	} *out;

	if (failed)
		flags |= REC_RESET;
	if (c->role == ROLE_SERVER && newstate != TCP_CLOSE)
		thread_done(c->id);
	starts = c->stored.len ? c->stored.starts : 0;
	c->version++;
	tallies_end(c, ALL_TALLIES);
	count(C_SEEN);
	out = bpf_ringbuf_reserve(&socket_events, sizeof(*out), 0);
	if (!out) {
		count(C_LOST_RING);
		if (starts)
			count_lost_starts(c->proto, starts);
		c->lost += starts;
		c->stored.len = 0;
		c->version++;
		return;
	}
	r = &out->rec;
	/* After the FIN write_seq is one more than the bytes. */
	sent = q->written;
	barrier_var(sent);
	if (c->fin_sent)
		sent = c->next[TX];
	c->fin_sent = 1;
	fill_rec(r, c, now, flags);
	if (c->role == ROLE_SERVER)
		add_rest(r, c, TX, sent);
	else
		add_rest(r, c, RX, received(q, oldstate));
	if (c->stored.len) {
		s = next_seg(r);
		if (s) {
			*s = c->stored;
			__builtin_memcpy(out->data, c->request, STORED_MAX);
		}
		c->stored.len = 0;
	}
	if (c->role == ROLE_SERVER)
		add_rest(r, c, RX, received(q, oldstate));
	else
		add_rest(r, c, TX, sent);
	c->version++;
	bpf_ringbuf_submit(out, wakeup_flags());
}

static __always_inline bool is_end(int state)
{
	return state == TCP_CLOSE || state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK;
}

static __always_inline bool is_followed(const struct conn *c)
{
	return c && (c->state == S_TRACKED || c->state == S_PLAINTEXT) && c->role != ROLE_UNKNOWN;
}

__noinline int tls_ended(struct conn *c, int newstate, bool failed)
{
	struct conn *p;
	struct seqs q;
	__u64 id;

	if (!c)
		return 0;
	id = c->plain;
	p = bpf_map_lookup_elem(&tls_conns, &id);
	if (!p)
		return 0;
	if (p->role != ROLE_UNKNOWN) {
		q = (struct seqs){0, p->passed[RX], p->passed[TX]};
		ended(p, &q, TCP_ESTABLISHED, newstate, failed);
	}
	if (newstate == TCP_CLOSE)
		tls_delete(p, id);
	return 0;
}

/* Passes the end of a socket on to its plaintext. */
static __always_inline void tls_ends(struct conn *c, int newstate, bool failed)
{
	if (c->state == S_ENCRYPTED && c->plain)
		tls_ended(c, newstate, failed);
}

/* Reports what a quiet connection sent or received since its last record, so
 * that the end of a long response does not wait for the next request. It runs
 * beside the other programs without the socket's lock: it only reads, and
 * takes nothing that changed meanwhile. version is from before q was read. */
static __always_inline void sweep(struct conn *c, __u32 version, const struct seqs *q)
{
	struct rec *r;
	struct seg *s;
	__u32 next, end;
	__u64 now, last;
	bool known;
	int d;

	if (version & 1 || !is_followed(c) || c->fin_sent)
		return;
	tallies_sweep(c, version);
	d = c->role == ROLE_SERVER ? TX : RX;
	end = d == TX ? q->written : q->copied;
	barrier_var(end);
	now = bpf_ktime_get_boot_ns();
	if (d == TX) {
		known = c->known[TX];
		next = c->next[TX];
		last = c->last_ts[TX];
	} else {
		known = c->known[RX];
		next = c->next[RX];
		last = c->last_ts[RX];
	}
	if (!known || (__s32)(end - next) <= 0 || end == c->swept || now - last < idle_ns)
		return;
	r = bpf_ringbuf_reserve(&socket_events, sizeof(*r), 0);
	if (!r)
		return; /* tried again by the next sweep */
	fill_rec(r, c, now, REC_IDLE);
	s = &r->segs[0];
	__builtin_memset(s, 0, sizeof(*s));
	s->start = s->end = last;
	s->len = end - next;
	s->seq = next;
	s->dir = d;
	if (d == TX) {
		s->pos = c->pos[TX];
		s->last_len = c->last_len[TX];
		__builtin_memcpy(s->last, c->last[TX], 8);
	} else {
		s->pos = c->pos[RX];
		s->last_len = c->last_len[RX];
		__builtin_memcpy(s->last, c->last[RX], 8);
	}
	r->nsegs = 1;
	if (c->version != version) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return;
	}
	c->swept = end;
	count(C_SEEN);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

#endif

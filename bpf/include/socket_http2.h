// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* HTTP/2 in the variants that follow bytes in the socket layer. Its headers
 * are compressed with tables that both ends build up from every header block
 * there was (RFC 7541 section 2.3.2), so one block that is not copied makes
 * those after it unreadable. Hence frames are followed: what is in DATA frames
 * is passed over, all else is copied. */
#ifndef __EBPFRECEIVER_SOCKET_HTTP2_H
#define __EBPFRECEIVER_SOCKET_HTTP2_H

#define H2_HEAD 9	    /* length, type, flags, stream (RFC 9113 section 4.1) */
#define H2_PREFACE 24	    /* of a client (section 3.4) */
#define H2_PIECE 8192	    /* most bytes of one copy */
#define H2_PIECES 128	    /* most copies of one segment: twice the long DATA frames that 64 KiB have room for */
#define H2_FRAMES 256	    /* most frames looked at in one copy */
#define H2_LONG 1024	    /* bytes of a DATA frame that are worth passing over */
#define H2_OF_LONG 16	    /* bytes that are copied of such a frame: the length of a gRPC message */
#define H2_LATE 2048	    /* bytes copied of a segment in which no frame is known to begin */
#define H2_TYPES 0x20	    /* no frame type in use is this high */
#define H2_MAX_FRAME 16384U /* before another size was agreed upon */

enum { H2_UNKNOWN, H2_KNOWN };
enum { H2_OTHER, H2_DATA, H2_LONG_DATA };

static __always_inline __u32 h2_length(const __u8 *b)
{
	return (__u32)b[0] << 16 | (__u32)b[1] << 8 | b[2];
}

/* Tells whether a segment that was met without knowing begins with a frame. */
static __always_inline bool h2_plausible(const __u8 *b)
{
	__u32 stream = (__u32)(b[5] & 0x7f) << 24 | (__u32)b[6] << 16 | (__u32)b[7] << 8 | b[8];
	bool control = b[3] == 4 || b[3] == 6 || b[3] == 7; /* SETTINGS, PING, GOAWAY */

	if (h2_length(b) > H2_MAX_FRAME || b[3] > 9 || b[5] & 0x80)
		return false;
	return b[3] == 8 || control == !stream;
}

/* The frames in the first n bytes of the scratch buffer. No pointer is in it: see struct head. */
struct h2_frames {
	__u32 p;      /* where the next one begins */
	__u32 n;
	__u32 keep;   /* bytes that are wanted, when one ends the walk */
	__u32 starts; /* headers of requests so far */
	__u32 kind;   /* of the one before p */
	bool odd;     /* one that cannot be */
};

struct h2_head {
	__u8 bytes[H2_HEAD];
};

/* Takes the header of a frame. 1 when that is not wanted whole. */
__noinline int h2_take(struct h2_frames *f, const struct h2_head *h)
{
	const __u8 *head;
	__u32 length;

	if (!f || !h)
		return 1;
	head = h->bytes;
	length = h2_length(head);

	f->odd = head[3] >= H2_TYPES || head[5] & 0x80;
	f->kind = head[3] ? H2_OTHER : length > H2_LONG ? H2_LONG_DATA : H2_DATA;
	f->starts += head[3] == 1;
	if (f->kind == H2_LONG_DATA)
		f->keep = f->p + H2_HEAD + H2_OF_LONG;
	f->p += H2_HEAD + length;
	return f->odd || f->kind == H2_LONG_DATA;
}

struct h2_walking {
	struct scratch *sc;
	struct h2_frames *f;
};

static long h2_next(__u64 i, struct h2_walking *w)
{
	struct h2_frames *f = w->f;
	__u32 p = f->p;
	int last;

	if (p > H2_PIECE - H2_HEAD || p + H2_HEAD > f->n)
		return 1;
	barrier_var(p);
	p &= H2_PIECE - 1; /* it is: for the verifier */
	last = h2_take(f, (const struct h2_head *)(w->sc->data + p));
	barrier_var(last);
	return last ? 1 : 0; /* which the verifier does not know of the function */
}

/* Follows the frames in the first n bytes of what begins at the sequence
 * number seq, which are in the scratch buffer. Gives how many of these are
 * worth keeping; what follows them is better looked at anew. The number of
 * requests that begin there is left in sc->starts. */
__noinline int h2_walk(struct conn *c, struct scratch *sc, __u32 d, __u32 seq, __u32 n)
{
	struct h2_frames f = {.n = n, .keep = ~0U};
	struct h2_walking w = {.sc = sc, .f = &f};
	__u32 have;
	struct h2 *h;
	__u8 *b;

	if (!c || !sc || n > H2_PIECE)
		return 0;
	b = sc->data;
	h = &c->h2[d & 1];
	sc->starts = 0;
	if (n >= 4 && FOUR(b[0], b[1], b[2], b[3]) == FOUR('P', 'R', 'I', ' ')) {
		h->frame = seq + H2_PREFACE;
		c->minor = 1;
		h->state = H2_KNOWN;
		h->data = H2_OTHER;
	} else if (h->state == H2_UNKNOWN) {
		if (n < H2_HEAD || !h2_plausible(b))
			return n;
		h->frame = seq;
		h->state = H2_KNOWN;
	}
	f.p = h->frame - seq;
	f.kind = h->data;
	have = -f.p;
	if ((__s32)f.p < 0) { /* a header that came in pieces */
		if (have >= H2_HEAD) {
			h->state = H2_UNKNOWN;
			return n;
		}
		for (__u32 i = 0; i < H2_HEAD; i++)
			if (i >= have)
				h->head[i] = b[(i - have) & (H2_PIECE - 1)];
		if (n + have < H2_HEAD)
			return n;
		h2_take(&f, (const struct h2_head *)h->head);
	}
	if (!f.odd && f.keep == ~0U)
		bpf_loop(H2_FRAMES, h2_next, &w, 0);
	if (f.odd) {
		h->state = H2_UNKNOWN;
		return n;
	}
	have = n - f.p;
	if ((__s32)have > 0) { /* the header that begins there is not whole */
		if (have >= H2_HEAD) /* too many frames */
			n = f.p;
		else
			for (__u32 i = 0; i < H2_HEAD - 1; i++)
				h->head[i] = sc->data[(f.p + i) & (2 * H2_PIECE - 1)];
		f.kind = H2_OTHER;
	}
	if (n > f.keep)
		n = f.keep;
	h->frame = seq + f.p;
	h->data = f.kind;
	sc->starts = f.starts;
	return n;
}

/* Reports the bytes in the scratch buffer, whose first has the sequence number
 * seq, and what came before them uncopied. what holds the direction, whether they
 * are a client's (2), and their number. */
__noinline int h2_report(struct conn *c, struct scratch *sc, __u32 what, __u32 seq, __u32 other_seq)
{
	__u32 d = what & 1, is_request = what & 2, n = what >> 2;
	__u64 now = bpf_ktime_get_boot_ns(), size;
	struct seg *s;
	struct rec *r;

	if (!c || !sc)
		return 0;
	r = &sc->rec;
	fill_rec(r, c, now, 0);
	add_rest(r, c, !d, other_seq);
	add_rest(r, c, d, seq);
	s = next_seg(r);
	if (!s)
		return 0;
	__builtin_memset(s, 0, sizeof(*s));
	s->start = s->end = now;
	s->pos = c->pos[d];
	s->len = s->cap = n;
	s->seq = seq;
	s->tid = (__u32)bpf_get_current_pid_tgid();
	s->dir = d;
	if (is_request) {
		s->starts = sc->starts;
		if (c->role == ROLE_CLIENT) {
			thread_parent(c);
			name_request(s, c);
		} else {
			goroutine_reads(c->id, !c->minor);
		}
	}
	c->pos[d] += n;
	c->next[d] = seq + n;
	count(C_SEEN);
	size = sizeof(*r) + n;
	barrier_var(size);
	if (size > sizeof(*r) + H2_PIECE)
		return 0; /* it is not */
	barrier_var(size);
	if (bpf_ringbuf_output(&socket_events, r, size, wakeup_flags())) {
		count(C_LOST_RING);
		if (s->starts)
			count_n(C_LOST_STARTS, s->starts);
		c->lost += s->starts;
	}
	return 0;
}

/* What is left of a segment. The pieces of it are dealt with one after the other,
 * in callbacks that the verifier looks at by themselves. */
struct h2_work {
	struct conn *c;
	struct scratch *sc;
	const struct sk_buff *skb; /* where it is read from: see struct source */
	const struct msghdr *msg;
	struct place at;
	__u32 d;
	__u32 off;
	__u32 seq;
	__u32 len;
	__u32 other_seq;
	__u32 is_request;
};

/* Passes over what need not be copied, and reports the next piece. 1 when
 * nothing is left, or nothing can be read. What is in place is read from where
 * the work says, without a copy of that: the stack is nearly used up. */
static __always_inline long h2_piece(struct h2_work *w, const struct source *src)
{
	__u32 d = w->d & 1, seq = w->seq, len = w->len, n, kept;
	struct scratch *sc = w->sc;
	struct conn *c = w->c;
	struct source from = *src;
	struct h2 *h = &c->h2[d];

	n = h->frame - seq;
	if (h->state == H2_KNOWN && h->data != H2_OTHER && (__s32)n > 0) {
		n = n < len ? n : len;
		seq += n;
		from.off += n;
		len -= n;
	}
	if (!len)
		return 1;
	/* After a long DATA frame there mostly comes another one. */
	n = h->state == H2_UNKNOWN ? H2_LATE : h->data == H2_LONG_DATA ? H2_HEAD + H2_OF_LONG : H2_PIECE;
	n = n < len ? n : len;
	barrier_var(n);
	if (n > H2_PIECE)
		return 1;
	if (src->in_place)
		n = copy_from_place(sc, AT_DATA, n, &w->at, from.off);
	else
		n = copy_bytes(d, sc, AT_DATA, n, &from);
	barrier_var(n);
	if (!n || n > H2_PIECE) {
		count(C_UNREADABLE);
		h->state = H2_UNKNOWN;
		return 1;
	}
	kept = h2_walk(c, sc, d, seq, n);
	barrier_var(kept);
	if (!kept || kept > H2_PIECE)
		return 1;

	h2_report(c, sc, d | w->is_request << 1 | kept << 2, seq, w->other_seq);
	w->seq = seq + kept;
	w->off = from.off + kept;
	w->len = len - kept;
	return w->len == 0 || h->state == H2_UNKNOWN;
}

static long h2_piece_of_skb(__u64 i, struct h2_work *w)
{
	struct source src = {.skb = w->skb, .off = w->off};

	w->d = RX;
	return h2_piece(w, &src);
}

static long h2_piece_of_msg(__u64 i, struct h2_work *w)
{
	struct source src = {.msg = w->msg, .off = w->off};

	w->d = TX;
	return h2_piece(w, &src);
}

static long h2_piece_in_place(__u64 i, struct h2_work *w)
{
	struct source src = {.in_place = true, .off = w->off};

	return h2_piece(w, &src);
}

/* What segment() does, for HTTP/2. */
static __always_inline void segment_http2(struct conn *c, int d, __u32 seq, __u32 len, __u32 other_seq,
					  const struct source *src)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u32 which = SCRATCH_OF(c, d), skip;
	struct h2_work w = {
		.c = c,
		.d = d,
		.other_seq = other_seq,
		.is_request = (c->role == ROLE_SERVER) == (d == RX),
	};

	if (!c->known[d]) {
		c->known[d] = 1;
		c->next[d] = seq;
	}
	skip = c->next[d] - seq; /* seen before, as in segment() */
	c->last_dir = d + 1;
	if ((__s32)skip > 0) {
		if (skip >= len) {
			c->last_ts[d] = now;
			return;
		}
	} else {
		skip = 0;
	}
	w.seq = seq + skip;
	w.len = len - skip;
	w.off = src->off + skip;
	w.sc = bpf_map_lookup_elem(&socket_scratch, &which);
	if (!w.sc)
		return;
	if (src->in_place) {
		w.at = src->at;
		bpf_loop(H2_PIECES, h2_piece_in_place, &w, 0);
	} else if (d == RX) {
		w.skb = src->skb;
		bpf_loop(H2_PIECES, h2_piece_of_skb, &w, 0);
	} else {
		w.msg = src->msg;
		bpf_loop(H2_PIECES, h2_piece_of_msg, &w, 0);
	}
	passed(c, d, now);
}

#endif

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A login to MySQL, of which the database's name may be known and the answer to the
 * challenge may not, which stands before it ("HandshakeResponse41" of its documentation).
 * Functions that are not static are verified once, not on each path to them. */
#ifndef __EBPFRECEIVER_SOCKET_LOGIN_H
#define __EBPFRECEIVER_SOCKET_LOGIN_H

/* Where the walk over a login is. */
struct login {
	__u8 *b;
	__u32 cap;
	__u32 step;
	__u32 left; /* bytes of the answer */
	__u32 end;
};
enum { LOGIN_USER, LOGIN_LENGTH, LOGIN_ANSWER, LOGIN_DB };

/* Takes the byte at MYSQL_LOGIN + n. 1 when that is the last one of interest. */
static long blot_byte(__u64 n, struct login *l)
{
	__u32 i = MYSQL_LOGIN + n;
	__u8 byte;

	barrier_var(i);
	if (i >= l->cap || i >= MYSQL_LOGIN + MYSQL_LOOK)
		return 1;
	byte = l->b[i];
	switch (l->step) {
	case LOGIN_USER:
		if (byte)
			l->b[i] = '*';
		else
			l->step = LOGIN_LENGTH;
		return 0;
	case LOGIN_LENGTH:
		l->left = byte;
		l->step = byte ? LOGIN_ANSWER : LOGIN_DB;
		return byte > MYSQL_MAX_ANSWER;
	case LOGIN_ANSWER:
		l->b[i] = '*';
		if (!--l->left)
			l->step = LOGIN_DB;
		return 0;
	default: /* the database's name, up to a zero */
		if (byte)
			return 0;
		l->end = i + 1;
		return 1;
	}
}

/* Blots out user and answer to the challenge in a login to MySQL 4.1 or later, of which
 * cap bytes are in the scratch buffer, behind four of its header. Gives how many may leave
 * the kernel: up to the end of the database's name, or, where that is not found, what
 * stands before the user. */
__noinline int blot_login(struct scratch *sc, __u32 cap)
{
	const __u32 needed = MYSQL_41 | MYSQL_SECURE | MYSQL_WITH_DB;
	struct login l = {.cap = cap, .step = LOGIN_USER};

	if (!sc)
		return 0;
	if (cap <= MYSQL_LOGIN)
		return cap;
	l.b = sc->data + MYSQL_HEADER;
	if ((LE32(l.b) & needed) != needed)
		return MYSQL_LOGIN;
	bpf_loop(MYSQL_LOOK, blot_byte, &l, 0);
	return l.end ? l.end : MYSQL_LOGIN;
}

/* Sends of a login to MySQL what may be known. sc->told bytes of it are in the scratch
 * buffer; with MYSQL_HEADER in d they stand behind its header, which came before. */
__noinline int send_login(struct conn *c, struct scratch *sc, __u32 d, __u32 seq, __u32 len)
{
	__u64 now = bpf_ktime_get_boot_ns(), size = 0;
	bool apart = d & MYSQL_HEADER;
	__u32 cap, may;
	struct rec *r;
	struct seg *s;

	if (!c || !sc)
		return 0;
	d &= 1;
	cap = sc->told;
	if (cap > MYSQL_LOGIN_MOST)
		return 0;
	if (!cap)
		count(C_UNREADABLE);
	r = &sc->rec;
	fill_rec(r, c, now, 0);
	if (apart) {
		s = next_seg(r);
		if (!s || c->stored.len != MYSQL_HEADER)
			return 0;
		*s = c->stored;
		*(__u32 *)sc->data = *(__u32 *)c->request;
		size = MYSQL_HEADER;
	} else {
		add_rest(r, c, d, seq);
	}
	c->stored.len = 0;
	s = next_seg(r);
	if (!s)
		return 0;
	if (apart)
		may = blot_login(sc, cap);
	else if (cap > MYSQL_HEADER)
		may = MYSQL_HEADER + blot_login(sc, cap - MYSQL_HEADER);
	else
		may = cap;
	__builtin_memset(s, 0, sizeof(*s));
	s->start = s->end = now;
	s->pos = c->pos[d];
	s->len = len;
	s->seq = seq;
	s->tid = (__u32)bpf_get_current_pid_tgid();
	s->cap = may;
	s->dir = d;
	s->starts = !apart;
	c->pos[d] += len;
	c->next[d] = seq + len;
	count(C_SEEN);
	size += may;
	if (size > MYSQL_LOGIN_MOST)
		return 0;
	if (bpf_ringbuf_output(&socket_events, r, sizeof(*r) + size, wakeup_flags())) {
		count(C_LOST_RING);
		count_lost_starts(c->proto, 1);
		c->lost++;
	}
	return 0;
}

/* In the result of secret_part(): it is a login whose database may be known; with
 * LOGIN_APART its header came before and is kept. */
#define LOGIN (1U << 16)
#define LOGIN_APART (1U << 17)

/* How many bytes of a segment that stays_secret() may be copied. turn: it is the process's turn; was:
 * what was said of the segment before. A request that was copied to where it is kept, and
 * is not, is wiped there: where a shorter one is kept later, what is behind it would go along with it. */
static __always_inline __u32 secret_part(struct conn *c, const __u8 *look, __u32 len, bool turn, __u8 was)
{
	__u32 most = secret_head(look, len, c->proto, turn, was);

	if (most < len && !c->stored.len)
		__builtin_memset(c->request, 0, STORED_MAX);
	if (c->proto != PROTO_MYSQL || most < MYSQL_LOGIN)
		return most;
	if (was != LOGIN_HEADER || turn)
		return c->stored.len ? most : most | LOGIN;
	return c->stored.len == MYSQL_HEADER ? most | LOGIN | LOGIN_APART : most;
}

/* What is known of a segment: how many bytes of it may be copied at most, with LOGIN and LOGIN_APART,
 * and these. */
#define MOST (LOGIN | LOGIN_APART | 0xffff)
#define IS_TURN (1U << 20)    /* the other side spoke before */
#define IS_REQUEST (1U << 21) /* of the side whose requests they are */
#define IS_START (1U << 22)   /* a message begins with it */
#define IS_INTERIM (1U << 23) /* a response, and not the last one to its request */
#define IS_FRESH (1U << 24)   /* it goes on what was kept */
#define IN_TURNS (1U << 25)   /* requests and responses take turns */

/* Looks at the first bytes of a segment of a protocol that is known, and adds to what is known. */
__noinline int judge(struct conn *c, const struct look *l, __u32 len, __u32 known)
{
	bool is_request = known & IS_REQUEST, turn = known & IS_TURN;
	__u32 most = CAPTURE_MAX;
	__u8 proto, was;

	if (!c || !l)
		return 0;
	proto = c->proto;
	if (classify(l->bytes, len, proto, is_request, turn)) {
		known |= IS_START;
		if (is_interim(l->bytes, proto))
			known |= IS_INTERIM;
	}
	was = c->secret;
	if (is_request && stays_secret(l->bytes, len, proto, turn, &c->secret))
		most = secret_part(c, l->bytes, len, turn, was);
	return known | most;
}

#endif

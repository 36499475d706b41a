// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Finds out what a connection speaks, and which end of it the process is. Functions that
 * are not static are verified once, not on each path to them. */
#ifndef __EBPFRECEIVER_SOCKET_FIND_H
#define __EBPFRECEIVER_SOCKET_FIND_H

struct look {
	__u8 bytes[LOOK];
};

/* Notes bytes that are reported, or need not be. This comes last: the record
 * tells when and how the bytes before them ended. */
static __always_inline void passed(struct conn *c, int d, __u64 now)
{
	c->last_ts[d] = now;
	c->last_len[d] = 0;
	*(__u64 *)c->last[d] = 0;
}

/* Writes what begin_request noted. */
static __always_inline void name_request(struct seg *s, const struct conn *c)
{
	if (c->role == ROLE_CLIENT) {
		s->parent_conn = c->parent_conn;
		s->parent_seq = c->parent_seq;
		s->goroutine = c->parent_goroutine;
	}
	s->decided = c->decided;
}

static __always_inline void keep_request(struct conn *c, int d, __u32 seq, __u32 len,
					 __u32 other_seq, __u64 now)
{
	struct seg *s = &c->stored;

	c->stored_other = other_seq;
	__builtin_memset(s, 0, sizeof(*s));
	s->start = s->end = now;
	s->pos = c->pos[d];
	s->len = s->cap = len;
	s->seq = seq;
	s->tid = (__u32)bpf_get_current_pid_tgid();
	s->dir = d;
	s->starts = 1;
	name_request(s, c);
	c->pos[d] += len;
	c->next[d] = seq + len;
}

/* recognize() for the verifier to see once: the message in the lower byte of
 * the result, the protocol above it. */
__noinline int recognize_once(const struct look *l, __u32 len, __u32 wanted)
{
	__u8 proto = PROTO_UNKNOWN;
	enum message m;

	if (!l)
		return 0;
	m = recognize(l->bytes, len, wanted, &proto);
	return m | proto << 8;
}

/* In the result of the functions below: the message goes on what was kept. */
#define FRESH (1 << 16)

/* In what they are told, beside the direction. */
#define TURN (1 << 1)
#define LOOKED_SHIFT 2 /* how many bytes were read of what is at look */

/* The same for what tells no direction, or is no message without what was kept before:
 * of the same direction, or with TURN of the other one. */
__noinline int recognize_late(struct conn *c, const struct look *l, __u32 len, __u32 how, __u32 wanted)
{
	__u32 d = how & 1, turn = how & TURN, n, found = 0;
	enum message m;

	if (!c || !l)
		return 0;
	n = c->stored.len;
	if (n && c->stored.dir == d && !turn) {
		m = kafka_message(c->request, l->bytes, len);
		if (m)
			return m | PROTO_KAFKA << 8 | FRESH;
		if (is_mqtt_rest(c->request, n, l->bytes, len))
			found = FRESH;
	}
	if (!is_wanted(wanted, PROTO_MQTT) || c->end == ROLE_UNKNOWN || len < 2)
		return 0;
	if (!found && !(n == MQTT_ACK && turn && is_mqtt_answer(c->request, l->bytes, len)) &&
	    !is_mqtt_either(l->bytes, len))
		return 0;
	m = (c->end == ROLE_SERVER) == (d == RX) ? MSG_REQUEST : MSG_RESPONSE;
	return m | PROTO_MQTT << 8 | found;
}

/* Keeps what may be the beginning of a message and was read by itself, so that it
 * travels with the rest: a size of Kafka, or each byte of the fixed header of a PUBLISH
 * of MQTT. Gives how much is kept now; 0 for none. */
__noinline int keep_beginning(struct conn *c, const struct look *l, __u32 len, __u32 wanted, bool follows)
{
	__u32 n;

	if (!c || !l)
		return 0;
	n = c->stored.len;
	c->stored.len = 0;
	if (is_wanted(wanted, PROTO_MQTT) && len == 1) {
		if (n && n < 4 && follows && c->request[0] >> 4 == 3) {
			c->request[n & 3] = l->bytes[0];
			return n + 1;
		}
		if (l->bytes[0] >> 4 != 3)
			return 0;
		*(__u32 *)c->request = l->bytes[0];
		return 1;
	}
	if (len != 4 || !((is_wanted(wanted, PROTO_KAFKA) && is_kafka_size(l->bytes, len)) ||
			  (is_wanted(wanted, PROTO_MQTT) && is_mqtt_ack(l->bytes))))
		return 0;
	*(__u32 *)c->request = *(__u32 *)l->bytes;
	return len;
}

/* Looks at a segment of a connection whose role is not known yet, of which the first
 * bytes are in the scratch buffer; sc->told is where the other direction is. Gives the
 * message in the lowest byte, and FRESH; 0: nothing more is to be done with it. */
__noinline int find_protocol(struct conn *c, struct scratch *sc, __u32 how, __u32 len, __u32 seq)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u32 d = how & 1, looked = how >> LOOKED_SHIFT, rules, wanted, n;
	const struct look *l;
	__u8 told = PROTO_UNKNOWN;
	int m;

	if (!c || !sc)
		return 0;
	l = (const struct look *)sc->data;
	rules = rules_of(c->tgid, c->lport, c->rport);
	wanted = wanted_by(rules);
	m = told_message(rules, d, &told);
	m |= told << 8;
	if (!m && looked >= 2)
		m = recognize_once(l, len, wanted);
	if (!(m & 0xff))
		m = recognize_late(c, l, len, how, wanted);
	if (m & 0xff) {
		if (!(m & FRESH))
			c->stored.len = 0;
		c->proto = m >> 8;
		c->role = ((m & 0xff) == MSG_REQUEST) == (d == RX) ? ROLE_SERVER : ROLE_CLIENT;
		return m;
	}
	if (is_tls_record(l->bytes, looked)) {
		tls_begin(c, d);
		return 0;
	}
	if (how & TURN && wanted & ALL_SAID && ++c->misses >= max_misses) {
		c->state = S_OPTED_OUT;
		count(C_OPTED_OUT);
	}
	n = keep_beginning(c, l, len, wanted, c->stored.dir == d && !(how & TURN));
	if (n == len) {
		keep_request(c, d, seq, len, sc->told, now);
	} else {
		c->stored.len = c->stored.cap = n;
		c->next[d] = seq + len;
		c->pos[d] += len;
	}
	passed(c, d, now);
	return 0;
}

#endif
